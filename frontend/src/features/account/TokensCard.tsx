/** API tokens for programs: named, shown once, revoked at any time. */
import {
  ActionIcon,
  Alert,
  Button,
  Card,
  Group,
  Skeleton,
  Stack,
  Text,
  TextInput,
  Title,
  Tooltip,
} from "@mantine/core";
import { IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { tokensQuery } from "../../api/queries";
import type { ApiToken } from "../../api/types";
import { Ago } from "../../ui/Ago";
import { CopyField } from "../../ui/CopyField";
import { confirm } from "../../ui/confirm";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { useAction } from "../../ui/useAction";

export function TokensCard() {
  const tokens = useQuery(tokensQuery);
  const [name, setName] = useState("");
  const [secret, setSecret] = useState<string | null>(null);
  const create = useAction({
    run: () => unwrap(api.POST("/api/tokens", { body: { name: name.trim() } })),
    stale: [keys.tokens],
    onDone: (created) => {
      setSecret(created.secret);
      setName("");
    },
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };

  return (
    <Card p="lg">
      <Title order={2}>API tokens</Title>
      <Text size="sm" c="var(--ink-soft)" mb="md">
        For scripts, instead of a password: send it as <code>Authorization: Bearer …</code>. A token may do what you may
        do.
      </Text>
      <form onSubmit={submit}>
        <Group align="flex-end" gap="xs" mb="md">
          <TextInput
            label="Name of a new token"
            placeholder="for example: nightly export"
            required
            maxLength={80}
            flex={1}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" loading={create.isPending}>
            Create
          </Button>
        </Group>
      </form>
      {secret && (
        <Alert
          color="loom"
          mb="md"
          title="Copy it now"
          withCloseButton
          onClose={() => setSecret(null)}
          closeButtonLabel="I copied it"
        >
          <Text size="sm" mb="xs">
            It is shown this once only; Maskloom keeps nothing it could be read from.
          </Text>
          <CopyField label="Token" value={secret} />
        </Alert>
      )}
      {tokens.isPending && <Skeleton h={48} />}
      {tokens.error && <ErrorNotice error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.data?.length === 0 && (
        <Text size="sm" c="var(--ink-soft)">
          No tokens yet.
        </Text>
      )}
      <Stack gap={0}>
        {tokens.data?.map((token) => (
          <TokenRow key={token.id} token={token} />
        ))}
      </Stack>
    </Card>
  );
}

function TokenRow({ token }: { token: ApiToken }) {
  const revoke = useAction({
    run: () => unwrap(api.DELETE("/api/tokens/{token_id}", { params: { path: { token_id: token.id } } })),
    stale: [keys.tokens],
    done: `The token "${token.name}" no longer works.`,
  });
  const ask = () =>
    confirm({
      title: `Revoke "${token.name}"?`,
      children: "Programs that use it are refused from now on.",
      confirm: "Revoke",
      onConfirm: () => revoke.mutate(),
    });
  return (
    <Group justify="space-between" wrap="nowrap" py="xs" style={{ borderTop: "1px solid var(--line)" }}>
      <div>
        <Text size="sm" fw={550}>
          {token.name}{" "}
          <Text span ff="monospace" size="xs" c="var(--ink-soft)">
            {token.prefix}…
          </Text>
        </Text>
        <Text size="xs" c="var(--ink-soft)">
          created <Ago at={token.created_at} />,{" "}
          {token.last_used_at ? (
            <>
              used <Ago at={token.last_used_at} />
            </>
          ) : (
            "never used"
          )}
        </Text>
      </div>
      <Tooltip label="Revoke">
        <ActionIcon variant="subtle" color="red" onClick={ask} aria-label={`Revoke ${token.name}`}>
          <IconTrash size={16} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}
