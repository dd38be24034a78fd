/** News from the server that concern an open image. */
import { onLiveEvent } from "../../../api/events";

type News = {
  onModelActivated(): void;
  /** One image, or null when the whole dataset is done. */
  onEmbedded(imageId: string | null): void;
};

/** Returns the function that stops listening. */
export function watchDataset(watched: string, news: News): () => void {
  return onLiveEvent(({ name, datasetId, data }) => {
    if (datasetId !== watched) return;
    if (name === "model.activated") news.onModelActivated();
    if (name === "dataset.embedded") news.onEmbedded(null);
    if (name === "image.embedded") news.onEmbedded(typeof data.image_id === "string" ? data.image_id : null);
  });
}
