import { expect, test } from "vitest";
import { checkPair } from "./feeds";
import type { ImageRef, ModelRef } from "./protocol";
import { parseEmbedding } from "./safetensors";

const META = { format: "maskloom-embedding-1", encoder_sha256: "e1", height: "3", width: "4" };

/** A safetensors file of the given tensors. */
function file(tensors: Record<string, { dtype: string; shape: number[]; bytes: Uint8Array }>, meta: object = META) {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: meta };
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  let offset = 8 + text.length;
  for (const { bytes } of Object.values(tensors)) {
    out.set(bytes, offset);
    offset += bytes.length;
  }
  return out.buffer;
}

const bytesOf = (array: Int8Array | Uint16Array | Float32Array) => new Uint8Array(array.buffer.slice(0));

const int8 = () =>
  file({
    scale: { dtype: "F32", shape: [2], bytes: bytesOf(Float32Array.of(0.5, 2)) },
    embedding: { dtype: "I8", shape: [2, 1, 2], bytes: bytesOf(Int8Array.of(1, -2, 3, -128)) },
  });

test("int8 values are multiplied by their channel's scale", () => {
  const { data, shape, meta } = parseEmbedding(int8());
  expect([...data]).toEqual([0.5, -1, 6, -256]);
  expect(shape).toEqual([2, 1, 2]);
  expect(meta.encoder_sha256).toBe("e1");
});

test("half floats are read exactly, subnormals included", () => {
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff);
  const { data } = parseEmbedding(file({ embedding: { dtype: "F16", shape: [1, 2, 2], bytes: bytesOf(halves) } }));
  expect([...data]).toEqual([1, -2, 2 ** -24, 65504]);
});

test("damaged and foreign files are refused with a sentence", () => {
  expect(() => parseEmbedding(new ArrayBuffer(3))).toThrow(/it is empty/);
  expect(() => parseEmbedding(int8().slice(0, -1))).toThrow(/ends too early/);
  expect(() => parseEmbedding(file({}, { format: "other" }))).toThrow(/its format is other/);
  expect(() => parseEmbedding(file({}))).toThrow(/no tensor "embedding"/);
});

test("an embedding of another encoder, shape or image is refused", () => {
  const embedding = parseEmbedding(int8());
  const model = { name: "m1", encoderSha256: "e1", embedDim: 2, grid: 2 } as ModelRef;
  const image = { name: "cat.jpg", size: { h: 3, w: 4 }, detail: "0-0-0" } as ImageRef;
  const square = { ...embedding, shape: [2, 2, 2] as const };
  expect(() => checkPair(model, image, square)).not.toThrow();
  expect(() => checkPair({ ...model, encoderSha256: "e2" }, image, square)).toThrow(/would give wrong masks/);
  expect(() => checkPair(model, image, embedding)).toThrow(/shape 2 x 1 x 2/);
  expect(() => checkPair(model, { ...image, size: { h: 4, w: 3 } }, square)).toThrow(
    /4 x 3 pixels, this one has 3 x 4/,
  );
  const part = { ...square, meta: { ...square.meta, detail: "1-0-2" } };
  expect(() => checkPair(model, image, part)).toThrow(/its part 1-0-2, not of 0-0-0/);
  expect(() => checkPair(model, { ...image, detail: "1-0-2" }, part)).not.toThrow();
});
