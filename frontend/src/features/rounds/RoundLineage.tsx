/** What a round's model comes from, how it was trained and why so, in a few lines; the models page has the rest. */
import { Anchor, Group, Text } from "@mantine/core";
import { IconArrowRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { modelsQuery } from "../../api/queries";
import type { Model, Round } from "../../api/types";
import { plural } from "../../lib/format";
import { readLineage, recipeOf } from "../../lib/lineage";
import { Hash } from "../../ui/Hash";

export function RoundLineage({ round }: { round: Round }) {
  const { data: models } = useQuery(modelsQuery);
  const find = (id: string | null) => models?.find((model) => model.id === id);
  const parent = find(round.parent_model_id);
  const child = find(round.model_id);
  // A version knows what the settings came to; until there is one, there is what was chosen.
  const lineage = child ? readLineage(child.lineage) : null;
  const recipe = lineage?.recipe ?? recipeOf(round.mode, round.settings);
  const software = lineage?.software;
  return (
    <Group gap="md" mt="md" fz="xs" c="var(--ink-soft)">
      <Group gap={6}>
        {parent && <Version model={parent} />}
        {child && <IconArrowRight size={13} aria-label="became" />}
        {child && <Version model={child} />}
      </Group>
      {round.snapshot && (
        <Group gap={6}>
          <Hash of="the snapshot's sha256" value={round.snapshot.sha256} />
          {plural(round.snapshot.masks, "mask")} on {plural(round.snapshot.images, "image")}
        </Group>
      )}
      <Text inherit className="tabular">
        {recipe.map(({ label, value }) => `${label.toLowerCase()} ${value}`).join(" · ")}
      </Text>
      {reasonsOf(round).map((reason) => (
        <Text key={reason} inherit>
          {reason}
        </Text>
      ))}
      {software && (
        <Group gap={6}>
          Maskloom {software.version}
          {software.commit && <Hash of="the commit" value={software.commit} />}
        </Group>
      )}
    </Group>
  );
}

/** Why it trained what it trained, where nobody had said; more than one where another worker chose again. */
function reasonsOf({ cause }: Round): string[] {
  const reasons = cause.mode_reasons;
  return Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [];
}

function Version({ model }: { model: Model }) {
  return (
    <Anchor component={Link} to={`/models#${model.id}`} inherit>
      {model.name}
    </Anchor>
  );
}
