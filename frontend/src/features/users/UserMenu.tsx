/** What an admin can do about a user besides the role. */
import { ActionIcon, Menu } from "@mantine/core";
import { IconDots, IconKey, IconUserCheck, IconUserOff } from "@tabler/icons-react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import type { User } from "../../api/types";
import { confirm } from "../../ui/confirm";
import { useAction } from "../../ui/useAction";
import type { HandOver } from "./CreateUser";

interface Props {
  user: User;
  self: boolean;
  onHandOver: (handOver: HandOver) => void;
}

export function UserMenu({ user, self, onHandOver }: Props) {
  const params = { path: { user_id: user.id } };
  const activate = useAction({
    run: (active: boolean) => unwrap(api.PATCH("/api/users/{user_id}", { params, body: { active } })),
    stale: [keys.users],
    done: (changed) =>
      changed.active ? `${changed.name} may sign in again.` : `${changed.name} is signed out and cannot sign in.`,
  });
  const reset = useAction({
    run: () => unwrap(api.POST("/api/users/{user_id}/reset-password", { params })),
    stale: [keys.users],
    onDone: onHandOver,
  });

  const askDeactivate = () =>
    confirm({
      title: `Deactivate ${user.name}?`,
      children:
        "They are signed out at once and their tokens stop working. Their masks stay. You can activate them again.",
      confirm: "Deactivate",
      onConfirm: () => activate.mutate(false),
    });
  const askReset = () =>
    confirm({
      title: `A new one-time password for ${user.name}?`,
      children: "The present password stops working and they are signed out everywhere.",
      confirm: "Make a one-time password",
      danger: false,
      onConfirm: () => reset.mutate(),
    });

  return (
    <Menu>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`More about ${user.name}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconKey size={16} />} disabled={!user.active} onClick={askReset}>
          New one-time password
        </Menu.Item>
        {user.active ? (
          <Menu.Item color="red" leftSection={<IconUserOff size={16} />} disabled={self} onClick={askDeactivate}>
            Deactivate
          </Menu.Item>
        ) : (
          <Menu.Item leftSection={<IconUserCheck size={16} />} onClick={() => activate.mutate(true)}>
            Activate
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
