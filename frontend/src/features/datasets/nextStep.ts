/** What a person should do next with a dataset, from its counts and their role; nothing for an empty one. Pure. */
import type { Dataset } from "../../api/types";
import { plural } from "../../lib/format";
import { atLeast, type RoleName } from "../../lib/roles";

type DatasetPage = "annotate" | "review" | "rounds" | "exports";

export interface NextStep {
  title: string;
  text: string;
  /** The page of the dataset that the button leads to; null where only waiting helps. */
  action: { page: DatasetPage; label: string } | null;
}

const page = (name: DatasetPage, label: string) => ({ page: name, label });

export function nextStep({ counts, stage }: Pick<Dataset, "counts" | "stage">, role: RoleName): NextStep | null {
  const admin = atLeast(role, "admin");
  const left = counts.images - counts.annotated;
  if (counts.images === 0) return null;
  if (stage === 3) {
    return {
      title: "The model labels by itself",
      text: `${plural(counts.masks, "mask")} so far. Export them, or look at how the runs are doing.`,
      action: page("exports", "Export"),
    };
  }
  if (counts.embedded === 0) {
    return {
      title: "Preparing images",
      text: "The encoder reads every image once. The first ones are ready in a moment.",
      action: null,
    };
  }
  if (left > 0) {
    const ready = Math.max(0, counts.embedded - counts.annotated);
    const waiting =
      counts.embedded < counts.images
        ? ` ${plural(ready, "is", "are")} ready to click, the rest is being prepared.`
        : "";
    const how =
      stage === 2
        ? "Confident masks are already there; add what is missing."
        : "Click an object, check its mask, accept.";
    return {
      title: `${plural(left, "image")} to annotate`,
      text: `${how}${waiting}`,
      action: page("annotate", "Annotate"),
    };
  }
  if (counts.to_review > 0 && atLeast(role, "reviewer")) {
    return {
      title: `${plural(counts.to_review, "mask")} to review`,
      text: "Approve or reject; the next round learns from what is approved.",
      action: page("review", "Review"),
    };
  }
  return admin
    ? {
        title: "Every image is annotated",
        text: "Train a round on the masks, change the stage, or export.",
        action: page("rounds", "Rounds & stages"),
      }
    : {
        title: "Every image is annotated",
        text: "Thank you. An admin trains the next round from these masks.",
        action: null,
      };
}
