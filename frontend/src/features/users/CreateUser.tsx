/** A new user, and the one-time password to hand over. */
import { Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { Role, User } from "../../api/types";
import { CopyField } from "../../ui/CopyField";
import { FormError } from "../../ui/FormError";
import { useAction } from "../../ui/useAction";
import { ROLES } from "./roles";

export interface HandOver {
  user: User;
  one_time_password: string;
}

interface Props {
  opened: boolean;
  onClose: () => void;
  onCreated: (created: HandOver) => void;
}

export function CreateUser({ opened, onClose, onCreated }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title="New user">
      <CreateForm onClose={onClose} onCreated={onCreated} />
    </Modal>
  );
}

function CreateForm({ onClose, onCreated }: Omit<Props, "opened">) {
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("annotator");
  const create = useAction({
    run: () => unwrap(api.POST("/api/users", { body: { name: name.trim(), email: email.trim(), role } })),
    stale: [keys.users],
    quiet: true,
    onDone: onCreated,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          label="Name"
          required
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label="E-mail"
          type="email"
          required
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Select label="Role" data={ROLES} value={role} onChange={(value) => setRole((value ?? "annotator") as Role)} />
        <FormError error={create.error} />
        <Group justify="flex-end" mt="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function HandOverDialog({ handOver, onClose }: { handOver: HandOver | null; onClose: () => void }) {
  return (
    <Modal
      opened={handOver !== null}
      onClose={onClose}
      title="Hand this over"
      closeOnClickOutside={false}
      closeOnEscape={false}
    >
      {handOver && (
        <Stack gap="md">
          <Text size="sm">
            {handOver.user.name} signs in as <b>{handOver.user.email}</b> with this password and then chooses an own
            one. It is shown this once only.
          </Text>
          <CopyField label="One-time password" value={handOver.one_time_password} />
          <Group justify="flex-end">
            <Button onClick={onClose}>I handed it over</Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
