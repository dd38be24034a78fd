/** Model versions as a family tree, flattened for a table. Pure. */

export interface TreeRow<M> {
  model: M;
  depth: number;
}

/** Parents before children, siblings by age; a version whose parent is gone stands at the root. */
export function lineageRows<M extends { id: string; parent_id?: string | null; created_at: string }>(
  models: readonly M[],
): TreeRow<M>[] {
  const known = new Set(models.map((model) => model.id));
  const children = new Map<string | null, M[]>();
  for (const model of models) {
    const parent = model.parent_id && known.has(model.parent_id) ? model.parent_id : null;
    children.set(parent, [...(children.get(parent) ?? []), model]);
  }
  const rows: TreeRow<M>[] = [];
  const visit = (parent: string | null, depth: number) => {
    const brood = [...(children.get(parent) ?? [])].sort((a, b) => a.created_at.localeCompare(b.created_at));
    for (const model of brood) {
      rows.push({ model, depth });
      visit(model.id, depth + 1);
    }
  };
  visit(null, 0);
  return rows;
}
