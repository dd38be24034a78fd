/** One dataset at a glance: some of its images, its stage, how far it is. */
import { Card, Group, Progress, Text, Title } from "@mantine/core";
import { IconPhoto } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { mosaicQuery } from "../../api/queries";
import type { Dataset } from "../../api/types";
import { count, percent, plural } from "../../lib/format";
import { StageBadge } from "../../ui/badges";
import classes from "./DatasetCard.module.css";

export function DatasetCard({ dataset }: { dataset: Dataset }) {
  const { counts } = dataset;
  const share = percent(counts.annotated, counts.images);
  return (
    <Card component={Link} to={`/datasets/${dataset.id}`} p={0} className={classes.card}>
      <Mosaic datasetId={dataset.id} numImages={counts.images} />
      <StageBadge stage={dataset.stage} className={classes.stage} variant="filled" />
      <div className={classes.body}>
        <Title order={2} lineClamp={1} fz="md">
          {dataset.name}
        </Title>
        <Text size="sm" c="var(--ink-soft)" lineClamp={1} mih={20} mb="xs">
          {dataset.description || (counts.images === 0 ? "No images yet" : " ")}
        </Text>
        <Progress value={share} aria-label="Annotated" />
        <Group justify="space-between" mt={6}>
          <Text size="xs" c="var(--ink-soft)" className="tabular">
            {count(counts.annotated)} of {plural(counts.images, "image")} annotated
          </Text>
          <Text size="xs" c="var(--ink-soft)" className="tabular">
            {plural(counts.masks, "mask")}
          </Text>
        </Group>
      </div>
    </Card>
  );
}

function Mosaic({ datasetId, numImages }: { datasetId: string; numImages: number }) {
  const { data: images = [] } = useQuery({ ...mosaicQuery(datasetId), enabled: numImages > 0 });
  if (images.length === 0) {
    return (
      <div className={`${classes.mosaic} ${classes.blank}`}>
        <IconPhoto size={32} stroke={1.2} />
      </div>
    );
  }
  const shown = images.slice(0, images.length >= 5 ? 5 : 1);
  return (
    <div className={shown.length === 1 ? `${classes.mosaic} ${classes.single}` : classes.mosaic}>
      {shown.map((image) => (
        <img key={image.id} src={image.thumbnail_url} alt="" loading="lazy" />
      ))}
    </div>
  );
}
