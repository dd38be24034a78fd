/** The mask under review, large, with its surroundings and what is known of how it was made. */
import { Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useMemo } from "react";
import type { Mask, ReviewItem } from "../../api/types";
import { fixed, NOTHING, plural, score } from "../../lib/format";
import { focusRegion } from "../../lib/maskSample";
import { sourceName } from "../../lib/sources";
import { MaskOverlay } from "../../ui/MaskOverlay";
import { RegionView } from "../../ui/RegionView";
import classes from "./ReviewPage.module.css";

interface Props {
  item: ReviewItem;
  /** The one that probably comes next: its image is fetched ahead. */
  preload: ReviewItem | undefined;
  whole: boolean;
  bare: boolean;
}

/** Large enough a margin to hold the whole image. */
const WHOLE = 1e6;

export function MaskFocus({ item: { mask, image }, preload, whole, bare }: Props) {
  const { ref, width, height } = useElementSize();
  const region = useMemo(
    () => focusRegion(mask.bbox, image, width > 0 && height > 0 ? width / height : 1.5, whole ? WHOLE : 0.6),
    [mask, image, width, height, whole],
  );
  const masks = useMemo(() => (bare ? [] : [mask]), [mask, bare]);
  const nextUrl = preload?.image.url;
  useEffect(() => {
    if (nextUrl) new Image().src = nextUrl;
  }, [nextUrl]);

  return (
    <div className={classes.focus} ref={ref}>
      {width > 0 && (
        <RegionView src={image.url} alt={`Mask on ${image.file_name}`} image={image} region={region}>
          <MaskOverlay masks={masks} region={region} width={Math.round(width)} height={Math.round(height)} />
        </RegionView>
      )}
      <div className={classes.facts}>
        <Text size="xs" fw={600}>
          {image.file_name}
        </Text>
        <Text size="xs">{factsOf(mask)}</Text>
        {bare && (
          <Text size="xs" c="yellow.4">
            The mask is hidden; H shows it.
          </Text>
        )}
        {mask.reject_reason && (
          <Text size="xs" c="orange.4">
            Rejected: {mask.reject_reason}
          </Text>
        )}
      </div>
    </div>
  );
}

function factsOf(mask: Mask): string {
  const facts = [sourceName(mask.source, mask.edited), `${mask.area.toLocaleString("en")} px`];
  if (mask.num_clicks > 0) facts.push(plural(mask.num_clicks, "click"), `${fixed(mask.seconds_s)} s`);
  const iou = score(mask.predicted_iou);
  if (iou !== NOTHING) facts.push(`predicted IoU ${iou}`);
  const stability = score(mask.stability_score);
  if (stability !== NOTHING) facts.push(`stability ${stability}`);
  return facts.join(" · ");
}
