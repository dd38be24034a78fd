/** A person's own password and API tokens. */
import { Card, SimpleGrid, Text, Title } from "@mantine/core";
import { useUser } from "../../api/session";
import { Page } from "../../ui/Page";
import { PageHeader } from "../../ui/PageHeader";
import { PasswordForm } from "./PasswordForm";
import { TokensCard } from "./TokensCard";

export function AccountPage() {
  const user = useUser();
  return (
    <Page width={1040}>
      <PageHeader title="Account" description={`${user.name}, ${user.email}, ${user.role}`} />
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg" style={{ alignItems: "start" }}>
        <TokensCard />
        <Card p="lg">
          <Title order={2}>Password</Title>
          <Text size="sm" c="var(--ink-soft)" mb="md">
            Changing it signs out your other browsers.
          </Text>
          <PasswordForm />
        </Card>
      </SimpleGrid>
    </Page>
  );
}
