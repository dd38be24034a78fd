/** Put a model version to use for a dataset. */
import { Button, Menu } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { modelsQuery } from "../../api/queries";
import type { Dataset, Model } from "../../api/types";
import { confirm } from "../../ui/confirm";
import { useAction } from "../../ui/useAction";

export function ActivateMenu({ model, datasets }: { model: Model; datasets: Dataset[] }) {
  const queryClient = useQueryClient();
  const others = datasets.filter((dataset) => dataset.active_model_id !== model.id);
  const activate = useAction({
    run: (dataset: Dataset) =>
      unwrap(
        api.POST("/api/models/{model_id}/activate", {
          params: { path: { model_id: model.id } },
          body: { dataset_id: dataset.id },
        }),
      ),
    stale: [keys.models, keys.datasets, keys.jobs],
    done: (_, dataset) => `${dataset.name} uses ${model.name} now.`,
  });

  const ask = (dataset: Dataset) => {
    const present = queryClient.getQueryData(modelsQuery.queryKey)?.find((one) => one.id === dataset.active_model_id);
    const anew = present && present.encoder_sha256 !== model.encoder_sha256;
    confirm({
      title: `Use ${model.name} for ${dataset.name}?`,
      children: anew
        ? `It has another encoder: the ${dataset.counts.images} images are embedded anew, those in work first. Masks stay.`
        : "Open browsers switch to it at once. Embeddings and masks stay.",
      confirm: "Use it",
      danger: false,
      onConfirm: () => activate.mutate(dataset),
    });
  };

  return (
    <Menu>
      <Menu.Target>
        <Button
          size="compact-sm"
          variant="default"
          rightSection={<IconChevronDown size={14} />}
          disabled={others.length === 0}
          loading={activate.isPending}
        >
          Use for
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {others.map((dataset) => (
          <Menu.Item key={dataset.id} onClick={() => ask(dataset)}>
            {dataset.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
