/** One image large, with its masks; arrow keys go to its neighbours. */
import { ActionIcon, Badge, Button, Group, Modal, Text } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight, IconPointer, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { imageMasksQuery } from "../../api/queries";
import { useMay } from "../../api/session";
import type { Image } from "../../api/types";
import { bytes, plural } from "../../lib/format";
import { confirm } from "../../ui/confirm";
import { MaskOverlay } from "../../ui/MaskOverlay";
import { useAction } from "../../ui/useAction";

const LONGEST_SIDE = 1400;

interface Props {
  image: Image | undefined;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
}

export function ImageView({ image, onClose, onPrevious, onNext }: Props) {
  useHotkeys([
    ["ArrowLeft", () => image && onPrevious?.()],
    ["ArrowRight", () => image && onNext?.()],
  ]);
  return (
    <Modal
      opened={image !== undefined}
      onClose={onClose}
      size="auto"
      title={image?.file_name}
      padding="md"
      transitionProps={{ duration: 0 }}
    >
      {image && (
        <>
          <Picture image={image} />
          <Group justify="space-between" mt="md">
            <Group gap="xs">
              <ActionIcon variant="default" disabled={!onPrevious} onClick={onPrevious} aria-label="Previous image">
                <IconChevronLeft size={16} />
              </ActionIcon>
              <ActionIcon variant="default" disabled={!onNext} onClick={onNext} aria-label="Next image">
                <IconChevronRight size={16} />
              </ActionIcon>
              <Text size="sm" c="var(--ink-soft)">
                {image.width} × {image.height}, {bytes(image.bytes)}, {plural(image.num_masks, "mask")}
              </Text>
              {image.split === "heldout" && <Badge color="gray">held out for evaluation</Badge>}
            </Group>
            <Group gap="xs">
              <DeleteImage image={image} onDeleted={onClose} />
              <Button
                component={Link}
                to={`/datasets/${image.dataset_id}/annotate?image=${image.id}`}
                size="xs"
                leftSection={<IconPointer size={14} />}
              >
                Annotate this image
              </Button>
            </Group>
          </Group>
        </>
      )}
    </Modal>
  );
}

function Picture({ image }: { image: Image }) {
  const { data: masks = [] } = useQuery({ ...imageMasksQuery(image.id), enabled: image.num_masks > 0 });
  const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
  const ratio = image.width / image.height;
  return (
    <div
      style={{
        position: "relative",
        width: `min(82vw, calc(70dvh * ${ratio}), 1200px)`,
        aspectRatio: `${image.width} / ${image.height}`,
      }}
    >
      <img
        src={image.url}
        alt={image.file_name}
        style={{ width: "100%", height: "100%", display: "block", borderRadius: 6 }}
      />
      <MaskOverlay
        masks={masks}
        region={{ x: 0, y: 0, width: image.width, height: image.height }}
        width={Math.round(image.width * scale)}
        height={Math.round(image.height * scale)}
      />
    </div>
  );
}

function DeleteImage({ image, onDeleted }: { image: Image; onDeleted: () => void }) {
  const admin = useMay("admin");
  const remove = useAction({
    run: () => unwrap(api.DELETE("/api/images/{image_id}", { params: { path: { image_id: image.id } } })),
    stale: [keys.images(image.dataset_id), keys.datasets],
    done: `${image.file_name} is deleted.`,
    onDone: onDeleted,
  });
  if (!admin) return null;
  const ask = () =>
    confirm({
      title: `Delete ${image.file_name}?`,
      children: `The image goes, and with it ${plural(image.num_masks, "mask")}. This cannot be undone.`,
      confirm: "Delete the image",
      onConfirm: () => remove.mutate(),
    });
  return (
    <Button size="xs" variant="subtle" color="red" leftSection={<IconTrash size={14} />} onClick={ask}>
      Delete
    </Button>
  );
}
