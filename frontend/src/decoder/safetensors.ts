/**
 * Embedding files: safetensors with "embedding" as I8 plus "scale" F32 per channel, or as F16.
 * Layout: 8 bytes little-endian header length, JSON header, raw tensors.
 */
import { DecoderError } from "./errors";

export type Embedding = {
  /** C x G x G float32, row-major. */
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number];
  readonly meta: Readonly<Record<string, string>>;
};

type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
type Header = { [name: string]: Entry | Record<string, string> | undefined; __metadata__?: Record<string, string> };

const FORMAT = "maskloom-embedding-1";

const bad = (what: string) =>
  new DecoderError(
    "bad_file",
    `The embedding file is damaged (${what}). Reload the page; if it stays, ask an admin to embed the image again.`,
  );

/** Reads an embedding file into float32. Throws DecoderError "bad_file". */
export function parseEmbedding(buffer: ArrayBuffer): Embedding {
  const { header, start } = readHeader(buffer);
  const meta = header.__metadata__ ?? {};
  if (meta.format !== FORMAT) throw bad(`its format is ${meta.format ?? "not given"}, this page reads ${FORMAT}`);
  const entry = tensor(header, "embedding");
  const [c, h, w] = entry.shape as [number, number, number];
  if (entry.shape.length !== 3) throw bad(`its shape is [${entry.shape.join(", ")}]`);
  const bytes = slice(buffer, start, entry, entry.dtype === "I8" ? 1 : entry.dtype === "F16" ? 2 : 4);
  return { data: values(buffer, start, header, entry.dtype, bytes, c, h * w), shape: [c, h, w], meta };
}

function values(
  buffer: ArrayBuffer,
  start: number,
  header: Header,
  dtype: string,
  bytes: ArrayBuffer,
  channels: number,
  plane: number,
): Float32Array {
  if (dtype === "F32") return new Float32Array(bytes);
  if (dtype === "F16") return halfToFloat(new Uint16Array(bytes));
  if (dtype !== "I8") throw bad(`values of type ${dtype}`);
  const quantised = new Int8Array(bytes);
  const scales = new Float32Array(slice(buffer, start, tensor(header, "scale"), 4));
  if (scales.length !== channels) throw bad(`${scales.length} scales for ${channels} channels`);
  const data = new Float32Array(quantised.length);
  for (let c = 0, i = 0; c < channels; c++) {
    const scale = scales[c] as number;
    for (const end = i + plane; i < end; i++) data[i] = (quantised[i] as number) * scale;
  }
  return data;
}

function readHeader(buffer: ArrayBuffer): { header: Header; start: number } {
  if (buffer.byteLength < 8) throw bad("it is empty");
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > buffer.byteLength - 8) throw bad("it ends too early");
  try {
    return {
      header: JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length))) as Header,
      start: 8 + length,
    };
  } catch {
    throw bad("its header is not JSON");
  }
}

function tensor(header: Header, name: string): Entry {
  const entry = header[name];
  if (!entry || !Array.isArray(entry.shape) || !Array.isArray(entry.data_offsets)) throw bad(`no tensor "${name}"`);
  return entry as Entry;
}

/** A copy, since tensors need not be aligned in the file. */
function slice(buffer: ArrayBuffer, start: number, entry: Entry, itemBytes: number): ArrayBuffer {
  const [from, to] = entry.data_offsets;
  const wanted = entry.shape.reduce((product, n) => product * n, itemBytes);
  if (to - from !== wanted || start + to > buffer.byteLength) throw bad("it ends too early");
  return buffer.slice(start + from, start + to);
}

let halfTable: Float32Array | null = null;

/** IEEE half precision by table: 65536 values are made once. */
function halfToFloat(halves: Uint16Array): Float32Array {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  const table = halfTable;
  return Float32Array.from(halves, (bits) => table[bits] as number);
}
