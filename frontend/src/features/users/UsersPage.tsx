/** Who may come in, and what they may do. */
import { Badge, Button, Card, Group, Select, Skeleton, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUserPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../../api/client";
import { keys } from "../../api/keys";
import { usersQuery } from "../../api/queries";
import { useUser } from "../../api/session";
import type { Role, User } from "../../api/types";
import { Ago } from "../../ui/Ago";
import { ErrorNotice } from "../../ui/ErrorNotice";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { useAction } from "../../ui/useAction";
import { CreateUser, type HandOver, HandOverDialog } from "./CreateUser";
import { ROLES } from "./roles";
import { UserMenu } from "./UserMenu";

export function UsersPage() {
  const users = useQuery(usersQuery);
  const [creating, { open, close }] = useDisclosure();
  const [handOver, setHandOver] = useState<HandOver | null>(null);
  return (
    <Page width={1040}>
      <PageHeader
        title="Users"
        description="Annotators label, reviewers also approve and reject, admins steer everything."
        actions={
          <Button leftSection={<IconUserPlus size={16} />} onClick={open}>
            New user
          </Button>
        }
      />
      {users.error && <ErrorNotice error={users.error} retry={() => void users.refetch()} />}
      {users.isPending && <Skeleton h={260} />}
      {users.data && (
        <Card p={0}>
          <Table.ScrollContainer minWidth={640}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th w={170}>Role</Table.Th>
                  <Table.Th w={180}>State</Table.Th>
                  <Table.Th w={130}>Since</Table.Th>
                  <Table.Th w={56} aria-label="Actions" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {users.data.map((user) => (
                  <UserRow key={user.id} user={user} onHandOver={setHandOver} />
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        </Card>
      )}
      <CreateUser
        opened={creating}
        onClose={close}
        onCreated={(created) => {
          close();
          setHandOver(created);
        }}
      />
      <HandOverDialog handOver={handOver} onClose={() => setHandOver(null)} />
    </Page>
  );
}

function UserRow({ user, onHandOver }: { user: User; onHandOver: (handOver: HandOver) => void }) {
  const self = useUser().id === user.id;
  const change = useAction({
    run: (role: Role) =>
      unwrap(api.PATCH("/api/users/{user_id}", { params: { path: { user_id: user.id } }, body: { role } })),
    stale: [keys.users, keys.session],
    done: (changed) => `${changed.name} is now ${changed.role === "admin" ? "an admin" : `a ${changed.role}`}.`,
  });
  return (
    <Table.Tr opacity={user.active ? 1 : 0.6}>
      <Table.Td>
        <Text size="sm" fw={550}>
          {user.name}
          {self && (
            <Text span size="xs" c="var(--ink-soft)" fw={400}>
              {" "}
              (you)
            </Text>
          )}
        </Text>
        <Text size="xs" c="var(--ink-soft)">
          {user.email}
        </Text>
      </Table.Td>
      <Table.Td>
        <Select
          size="xs"
          aria-label={`Role of ${user.name}`}
          data={ROLES}
          value={user.role}
          disabled={!user.active || change.isPending}
          onChange={(role) => role && role !== user.role && change.mutate(role as Role)}
        />
      </Table.Td>
      <Table.Td>
        <Group gap={6}>
          {!user.active && <Badge color="gray">Deactivated</Badge>}
          {user.active && user.must_change_password && <Badge color="orange">One-time password</Badge>}
          {user.active && !user.must_change_password && <Badge color="green">Active</Badge>}
        </Group>
      </Table.Td>
      <Table.Td>
        <Text size="xs" c="var(--ink-soft)">
          <Ago at={user.created_at} />
        </Text>
      </Table.Td>
      <Table.Td>
        <UserMenu user={user} self={self} onHandOver={onHandOver} />
      </Table.Td>
    </Table.Tr>
  );
}
