/** The review policy: whose word is final. */
import { NumberInput, Radio, Stack } from "@mantine/core";
import type { ReviewMode } from "../../api/types";

export interface ReviewValue {
  review_mode: ReviewMode;
  review_percent: number;
}

const MODES: { value: ReviewMode; label: string; description: string }[] = [
  { value: "none", label: "No review", description: "An annotator's accept is final." },
  {
    value: "all",
    label: "Every mask",
    description: "Nothing is trained on or exported before a reviewer approved it.",
  },
  { value: "sample", label: "A sample", description: "Some masks, chosen by chance, wait for a reviewer." },
];

export function ReviewFields({ value, onChange }: { value: ReviewValue; onChange: (value: ReviewValue) => void }) {
  return (
    <Stack gap="xs">
      <Radio.Group
        label="Review"
        value={value.review_mode}
        onChange={(mode) => onChange({ ...value, review_mode: mode as ReviewMode })}
      >
        <Stack gap={8} mt={6}>
          {MODES.map((mode) => (
            <Radio key={mode.value} {...mode} />
          ))}
        </Stack>
      </Radio.Group>
      {value.review_mode === "sample" && (
        <NumberInput
          label="Share of masks to review"
          suffix=" %"
          min={1}
          max={100}
          w={180}
          ml={32}
          value={value.review_percent}
          onChange={(percent) => onChange({ ...value, review_percent: Number(percent) || 1 })}
        />
      )}
    </Stack>
  );
}
