/** The image's pixels, decoded before they are shown. */
import type { Image as ImageRecord } from "../../../api/types";

/** Throws an Error with a sentence when the file cannot be had or read. */
export async function loadImage(record: ImageRecord): Promise<HTMLImageElement> {
  const element = new Image();
  element.decoding = "async";
  element.src = record.url;
  try {
    await element.decode();
  } catch {
    throw new Error(
      `The image ${record.file_name} could not be loaded. Check the connection and try again; if it stays, skip the image and tell an admin.`,
    );
  }
  return element;
}
