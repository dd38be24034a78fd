/** The images of a dataset: filtered, endless, each with its state. */
import { Button, Group, SegmentedControl, Skeleton, Text, Title, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconPhotoOff, IconPhotoPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { imagesQuery } from "../../api/queries";
import type { Dataset, Image, ImageFilter } from "../../api/types";
import { plural } from "../../lib/format";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { LoadMore } from "../../ui/LoadMore";
import classes from "./ImageGrid.module.css";
import { ImageView } from "./ImageView";

const FILTERS: { value: ImageFilter; label: string }[] = [
  { value: "all", label: "All" },
  { value: "todo", label: "To do" },
  { value: "done", label: "Annotated" },
  { value: "broken", label: "Broken" },
];

const EMPTY: Record<ImageFilter, { title: string; text: string }> = {
  all: { title: "No images yet", text: "Drop photographs anywhere on this page, or press the button." },
  todo: { title: "Nothing left to do", text: "Every image is annotated or skipped." },
  done: { title: "Nothing annotated yet", text: "Press Annotate to begin with the first image." },
  broken: { title: "No broken images", text: "Every image could be read and embedded." },
};

interface Props {
  dataset: Dataset;
  /** Files are on their way: an empty grid is about to fill. */
  importing: boolean;
  onImport: (() => void) | undefined;
}

export function ImageGrid({ dataset, importing, onImport }: Props) {
  const [filter, setFilter] = useState<ImageFilter>("all");
  const [shownId, setShownId] = useState<string | null>(null);
  const images = useInfiniteQuery(imagesQuery(dataset.id, filter));
  const items = images.data?.pages.flatMap((page) => page.items) ?? [];
  const shown = items.findIndex((image) => image.id === shownId);

  return (
    <section aria-label="Images">
      <Group justify="space-between" mb="sm">
        <Title order={2}>Images</Title>
        <SegmentedControl
          value={filter}
          onChange={(value) => setFilter(value as ImageFilter)}
          data={FILTERS}
          aria-label="Show"
        />
      </Group>
      {images.error && <ErrorNotice error={images.error} retry={() => void images.refetch()} />}
      {images.data && items.length === 0 && importing && filter === "all" && (
        <Text size="sm" c="var(--ink-soft)">
          Images appear here once they are read.
        </Text>
      )}
      {images.data && items.length === 0 && !(importing && filter === "all") && (
        <EmptyState
          icon={filter === "all" ? IconPhotoPlus : IconPhotoOff}
          title={EMPTY[filter].title}
          action={filter === "all" && onImport && <Button onClick={onImport}>Add images</Button>}
        >
          {filter === "all" && !onImport ? "An admin adds images; they appear here by themselves." : EMPTY[filter].text}
        </EmptyState>
      )}
      <ul className={classes.grid}>
        {images.isPending &&
          Array.from({ length: 12 }, (_, index) => index).map((key) => <Skeleton key={key} className={classes.tile} />)}
        {items.map((image) => (
          <li key={image.id} className={classes.item}>
            <Tile image={image} onOpen={() => setShownId(image.id)} />
          </li>
        ))}
      </ul>
      <LoadMore {...images} />
      <ImageView
        image={items[shown]}
        onClose={() => setShownId(null)}
        onPrevious={shown > 0 ? () => setShownId(items[shown - 1]?.id ?? null) : undefined}
        onNext={shown >= 0 && shown < items.length - 1 ? () => setShownId(items[shown + 1]?.id ?? null) : undefined}
      />
    </section>
  );
}

const STATE: Record<Image["state"], string> = {
  todo: "to do",
  leased: "being annotated",
  done: "annotated",
  skipped: "skipped",
};

function Tile({ image, onOpen }: { image: Image; onOpen: () => void }) {
  const label = `${image.file_name}, ${STATE[image.state]}, ${plural(image.num_masks, "mask")}`;
  return (
    <button type="button" className={classes.tile} data-state={image.state} onClick={onOpen} aria-label={label}>
      <img src={image.thumbnail_url} alt="" loading="lazy" decoding="async" />
      <span className={classes.caption}>
        <Text span size="xs" truncate>
          {image.file_name}
        </Text>
        {image.num_masks > 0 && <span className={classes.masks}>{image.num_masks}</span>}
      </span>
      <span className={classes.marks}>
        {image.state === "done" && (
          <span className={classes.done}>
            <IconCheck size={12} stroke={3} />
          </span>
        )}
        {image.state === "leased" && <span className={classes.word}>in work</span>}
        {image.state === "skipped" && <span className={classes.word}>skipped</span>}
        {!image.embedded && image.state !== "done" && (
          <Tooltip label="Not prepared yet: the encoder has not read it">
            <span className={classes.word}>
              <IconAlertTriangle size={11} /> not ready
            </span>
          </Tooltip>
        )}
      </span>
    </button>
  );
}
