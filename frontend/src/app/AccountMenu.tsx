/** Name and role; the way to the account, to light and dark, and out. */
import { Avatar, Box, Menu, Text, UnstyledButton, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconKey, IconLogout, IconMoon, IconSun } from "@tabler/icons-react";
import { useNavigate } from "react-router";
import { api, unwrap } from "../api/client";
import { keys } from "../api/keys";
import { useUser } from "../api/session";
import { useAction } from "../ui/useAction";
import { queryClient } from "./queryClient";
import classes from "./Shell.module.css";

const SCHEMES = [
  { value: "auto", label: "Like the system", icon: IconDeviceDesktop },
  { value: "light", label: "Light", icon: IconSun },
  { value: "dark", label: "Dark", icon: IconMoon },
] as const;

export function AccountMenu({ rail }: { rail: boolean }) {
  const user = useUser();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = useAction({
    run: () => unwrap(api.DELETE("/api/session")),
    onDone: () => {
      navigate("/sign-in");
      queryClient.clear();
      queryClient.setQueryData(keys.session, null);
    },
  });

  return (
    <Menu position="right-end" width={210}>
      <Menu.Target>
        <UnstyledButton className={classes.account} aria-label={`Account of ${user.name}`}>
          <Avatar size={30} radius="xl" name={user.name} color="loom" />
          {!rail && (
            <Box miw={0}>
              <Text size="sm" fw={550} truncate lh={1.25}>
                {user.name}
              </Text>
              <Text size="xs" c="var(--ink-soft)" lh={1.25}>
                {user.role}
              </Text>
            </Box>
          )}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user.email}</Menu.Label>
        <Menu.Item leftSection={<IconKey size={16} />} onClick={() => navigate("/account")}>
          Password and tokens
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>Colours</Menu.Label>
        {SCHEMES.map(({ value, label, icon: Icon }) => (
          <Menu.Item
            key={value}
            leftSection={<Icon size={16} />}
            closeMenuOnClick={false}
            {...(colorScheme === value ? { c: "loom", fw: 600, "aria-current": true } : {})}
            onClick={() => setColorScheme(value)}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => signOut.mutate()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
