/** The queue beside the mask under review, small. */
import { useEffect, useMemo, useRef } from "react";
import type { ReviewItem } from "../../api/types";
import { focusRegion } from "../../lib/maskSample";
import { LoadMore } from "../../ui/LoadMore";
import { MaskOverlay } from "../../ui/MaskOverlay";
import { RegionView } from "../../ui/RegionView";
import classes from "./ReviewPage.module.css";

interface Props {
  items: ReviewItem[];
  position: number;
  onPick: (position: number) => void;
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function MaskStrip({ items, position, onPick, query }: Props) {
  return (
    <nav className={classes.strip} aria-label="Masks">
      <ul className={classes.list}>
        {items.map((item, index) => (
          <li key={item.mask.id}>
            <Thumb item={item} current={index === position} onPick={() => onPick(index)} />
          </li>
        ))}
      </ul>
      <LoadMore {...query} />
    </nav>
  );
}

const SIDE = 128;

function Thumb({ item: { mask, image }, current, onPick }: { item: ReviewItem; current: boolean; onPick: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  const region = useMemo(() => focusRegion(mask.bbox, image, 1, 0.25), [mask, image]);
  const masks = useMemo(() => [mask], [mask]);
  useEffect(() => {
    if (current) button.current?.scrollIntoView({ block: "nearest" });
  }, [current]);
  return (
    <button
      ref={button}
      type="button"
      className={classes.thumb}
      aria-current={current}
      aria-label={`Mask on ${image.file_name}`}
      onClick={onPick}
    >
      <RegionView src={image.thumbnail_url} alt="" image={image} region={region} lazy>
        <MaskOverlay masks={masks} region={region} width={SIDE} height={SIDE} />
      </RegionView>
    </button>
  );
}
