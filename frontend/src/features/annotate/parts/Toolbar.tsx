/** The tools at the left: choose one, undo, redo, brush size, opacity, view. */
import { ActionIcon, Divider, Loader, Popover, Slider, Stack, Text, Tooltip } from "@mantine/core";
import {
  type Icon,
  IconArrowBackUp,
  IconArrowForwardUp,
  IconBrush,
  IconCircleHalf2,
  IconClick,
  IconEraser,
  IconEye,
  IconEyeOff,
  IconHandStop,
  IconMaximize,
  IconPointer,
  IconZoomCancel,
  IconZoomScan,
} from "@tabler/icons-react";
import { BRUSH_MAX, BRUSH_MIN } from "../../../editor/controller";
import type { ToolName } from "../../../editor/tools/tool";
import classes from "../annotate.module.css";
import { COMMANDS, type CommandName, keyLabel } from "../commands";
import { useSession, useSessionState } from "../context";
import { keepFocus } from "./keep";

const TOOLS: readonly [ToolName, Icon][] = [
  ["prompt", IconClick],
  ["brush", IconBrush],
  ["eraser", IconEraser],
  ["select", IconPointer],
  ["pan", IconHandStop],
];

function ToolButton({
  name,
  icon: Shape,
  on = false,
  off = false,
}: {
  name: CommandName;
  icon: Icon;
  on?: boolean;
  off?: boolean;
}) {
  const session = useSession();
  const { label, keys, run } = COMMANDS[name];
  const text = `${label} (${keyLabel(keys[0])})`;
  return (
    <Tooltip label={text} position="right">
      <ActionIcon
        {...keepFocus}
        size={36}
        variant={on ? "filled" : "subtle"}
        color={on ? undefined : "gray"}
        aria-label={text}
        aria-pressed={on}
        disabled={off}
        onClick={() => run(session)}
        data-testid={`tool-${name}`}
      >
        <Shape size={20} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
}

function BrushSize() {
  const { editor } = useSession();
  const radius = useSessionState((s) => s.radius);
  // Small brushes need fine steps, large ones coarse ones: the slider is logarithmic.
  const toSlider = (value: number) => (100 * Math.log(value / BRUSH_MIN)) / Math.log(BRUSH_MAX / BRUSH_MIN);
  const fromSlider = (value: number) => BRUSH_MIN * (BRUSH_MAX / BRUSH_MIN) ** (value / 100);
  return (
    <Popover position="right" withArrow shadow="md">
      <Popover.Target>
        <Tooltip label="Brush size ([ and ])" position="right">
          <ActionIcon {...keepFocus} size={36} variant="subtle" color="gray" aria-label="Brush size">
            <Text size="xs" fw={600} className="tabular">
              {Math.max(1, Math.round(radius * 2))}
            </Text>
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap={6} w={180}>
          <Text size="xs">Brush width: {Math.max(1, Math.round(radius * 2))} px of the image</Text>
          <Slider
            size="sm"
            label={null}
            aria-label="Brush width"
            value={toSlider(radius)}
            onChange={(value) => editor.setRadius(fromSlider(value))}
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

function Opacity() {
  const { editor } = useSession();
  const opacity = useSessionState((s) => s.opacity);
  return (
    <Popover position="right" withArrow shadow="md">
      <Popover.Target>
        <Tooltip label="Opacity of the masks" position="right">
          <ActionIcon {...keepFocus} size={36} variant="subtle" color="gray" aria-label="Opacity of the masks">
            <IconCircleHalf2 size={20} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap={6} w={180}>
          <Text size="xs">
            Fill: {Math.round(opacity * 100)} %{opacity === 0 ? " (outlines only)" : ""}
          </Text>
          <Slider
            size="sm"
            label={null}
            aria-label="Opacity of the masks"
            min={0}
            max={100}
            value={opacity * 100}
            onChange={(value) => editor.setLook({ opacity: value / 100 })}
          />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** How closely the model looks: the magnification of the detail at hand, pale while that is being made. */
function CloserButton() {
  const session = useSession();
  const detailed = useSessionState((s) => s.detailed);
  const look = useSessionState((s) => s.look);
  const { label, keys, run } = COMMANDS.closer;
  const now = look && (look.ready ? `: now at ${2 ** look.detail.level}×` : ": getting ready");
  const text = `${label} (${keyLabel(keys[0])})${now ?? ""}`;
  return (
    <Tooltip label={text} position="right">
      <ActionIcon
        {...keepFocus}
        size={36}
        variant={look?.ready ? "light" : "subtle"}
        color={look?.ready ? undefined : "gray"}
        aria-label={text}
        aria-pressed={detailed}
        onClick={() => run(session)}
        data-testid="tool-closer"
      >
        {!detailed ? (
          <IconZoomCancel size={20} stroke={1.7} />
        ) : !look ? (
          <IconZoomScan size={20} stroke={1.7} />
        ) : look.ready ? (
          <Text size="xs" fw={600} className="tabular">
            {2 ** look.detail.level}×
          </Text>
        ) : (
          <Loader size={16} />
        )}
      </ActionIcon>
    </Tooltip>
  );
}

export function Toolbar() {
  const tool = useSessionState((s) => s.tool);
  const canUndo = useSessionState((s) => s.canUndo);
  const canRedo = useSessionState((s) => s.canRedo);
  const masksVisible = useSessionState((s) => s.masksVisible);
  return (
    <div className={classes.tools} role="toolbar" aria-orientation="vertical" aria-label="Tools">
      {TOOLS.map(([name, icon]) => (
        <ToolButton key={name} name={name} icon={icon} on={tool === name} />
      ))}
      <BrushSize />
      <Divider w={28} />
      <ToolButton name="undo" icon={IconArrowBackUp} off={!canUndo} />
      <ToolButton name="redo" icon={IconArrowForwardUp} off={!canRedo} />
      <Divider w={28} />
      <Opacity />
      <ToolButton name="masks" icon={masksVisible ? IconEye : IconEyeOff} />
      <ToolButton name="fit" icon={IconMaximize} />
      <CloserButton />
    </div>
  );
}
