/** A quiet strip of numbers: a label, the number, and a word on it. */
import { Box, Paper, Progress, SimpleGrid, Skeleton, Text } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Figures.module.css";

export interface Figure {
  label: string;
  value: ReactNode;
  note?: ReactNode;
  /** 0..100: drawn as a thin bar below. */
  share?: number;
}

export function Figures({ items }: { items: Figure[] }) {
  return (
    <Paper withBorder className={classes.strip} component="dl" m={0}>
      <SimpleGrid cols={{ base: 2, xs: 3, md: items.length }} spacing={0}>
        {items.map((item) => (
          <Box key={item.label} className={classes.cell}>
            <Text component="dt" size="xs" c="var(--ink-soft)">
              {item.label}
            </Text>
            <Text component="dd" m={0} fz={20} fw={600} lh={1.3} className="tabular">
              {item.value}
            </Text>
            {item.share !== undefined && <Progress value={item.share} size={3} mt={6} aria-label={item.label} />}
            {item.note && (
              <Text size="xs" c="var(--ink-soft)" mt={item.share === undefined ? 2 : 4}>
                {item.note}
              </Text>
            )}
          </Box>
        ))}
      </SimpleGrid>
    </Paper>
  );
}

export function FiguresSkeleton() {
  return <Skeleton h={84} />;
}
