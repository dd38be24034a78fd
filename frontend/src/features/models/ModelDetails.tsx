/** A version's lineage: parent, snapshot, recipe, figures before and after, the gate's reason, people and software. */
import { Anchor, SimpleGrid } from "@mantine/core";
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";
import type { Dataset, Model } from "../../api/types";
import { NOTHING, plural } from "../../lib/format";
import { type Lineage, readLineage } from "../../lib/lineage";
import { metricRows } from "../../lib/metrics";
import { Comparison } from "../../ui/Comparison";
import { type Fact, Facts } from "../../ui/Facts";
import { Hash } from "../../ui/Hash";
import { Verdict } from "../../ui/Verdict";

interface Props {
  model: Model;
  parentName: string | null;
  datasets: Dataset[];
}

export function ModelDetails({ model, parentName, datasets }: Props) {
  const lineage = readLineage(model.lineage);
  return (
    <SimpleGrid cols={{ base: 1, sm: lineage.recipe.length > 0 ? 2 : 1 }} spacing="xl" pb={6}>
      <Facts title="Origin" facts={origin(model, lineage, parentName, datasets)} />
      {lineage.recipe.length > 0 && <Facts title="Recipe" facts={lineage.recipe} />}
      {lineage.gate && <Verdict gate={lineage.gate} />}
      {lineage.gate && <Comparison rows={metricRows(lineage.before, model.metrics)} />}
    </SimpleGrid>
  );
}

function origin(model: Model, lineage: Lineage, parentName: string | null, datasets: Dataset[]): Fact[] {
  const { snapshot, software } = lineage;
  const rows: [string, ReactNode | null][] = [
    ["Made by", madeBy(lineage, datasets)],
    ["Who", who(lineage)],
    ["When", new Date(model.created_at).toLocaleString()],
    [
      "Parent",
      parentName && (
        <Anchor component={Link} to={`#${model.parent_id}`} inherit>
          {parentName}
        </Anchor>
      ),
    ],
    [
      "Snapshot",
      snapshot && (
        <>
          <Hash of="the snapshot's sha256" value={snapshot.sha256} /> {plural(snapshot.masks, "mask")} on{" "}
          {plural(snapshot.images, "image")}
        </>
      ),
    ],
    ["Encoder", <Hash key="encoder" of="the encoder's sha256" value={model.encoder_sha256} />],
    ["Decoder", <Hash key="decoder" of="the decoder's sha256" value={model.decoder_sha256} />],
    ["Files", <Files key="files" model={model} />],
    [
      "Software",
      software && (
        <>
          Maskloom {software.version}
          {software.commit ? (
            <>
              , commit <Hash of="the commit" value={software.commit} />
            </>
          ) : (
            ", not from a git checkout"
          )}
        </>
      ),
    ],
  ];
  return rows.flatMap(([label, value]) => (value ? [{ label, value }] : []));
}

/** The checkpoint is for the library and `maskloom generate --model`, the graphs for programs without torch. */
function Files({ model }: { model: Model }) {
  const files: [string, string][] = [
    ["checkpoint", model.checkpoint_url],
    ["prepare.onnx", model.prepare_url],
    ["decode.onnx", model.decode_url],
  ];
  return files.map(([label, url], index) => (
    <Fragment key={label}>
      {index > 0 && ", "}
      <Anchor href={url} download inherit>
        {label}
      </Anchor>
    </Fragment>
  ));
}

function madeBy({ source, round, fileName }: Lineage, datasets: Dataset[]): ReactNode {
  if (source === "packaged") return "Maskloom brings it along";
  if (source === "upload") return fileName ? `upload of ${fileName}` : "an upload";
  if (!round) return NOTHING;
  const dataset = datasets.find((one) => one.id === round.datasetId);
  return dataset ? (
    <Anchor component={Link} to={`/datasets/${dataset.id}/rounds`} inherit>
      round {round.number} of {dataset.name}
    </Anchor>
  ) : (
    `round ${round.number} of a dataset that was deleted`
  );
}

function who({ who: name, round }: Lineage): ReactNode {
  if (name) return name;
  return round?.automatic ? "nobody: the dataset's policy started it" : null;
}
