/** Words and what they are, in two columns. */
import { Box, Text } from "@mantine/core";
import { Fragment, type ReactNode } from "react";
import classes from "./Facts.module.css";

export interface Fact {
  label: string;
  value: ReactNode;
}

export function Facts({ title, facts }: { title: string; facts: Fact[] }) {
  return (
    <Box>
      <Text size="xs" c="var(--ink-soft)" mb={4}>
        {title}
      </Text>
      <dl className={classes.facts}>
        {facts.map(({ label, value }) => (
          <Fragment key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
      </dl>
    </Box>
  );
}
