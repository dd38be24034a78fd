/** Model versions as a family tree, laid out like a commit graph: one row a version, one lane a line of descent. Pure. */

export interface TreeRow<M> {
  model: M;
  /** Column of the version's dot. The newest child goes on in its parent's lane, older ones branch off to the right. */
  lane: number;
  /** Lane its line comes from; null at a root. */
  from: number | null;
  /** Has children, so a line leaves it downwards. */
  parent: boolean;
  /** Lanes whose lines pass by, on their way to a later row. */
  passing: number[];
}

interface Version {
  id: string;
  parent_id?: string | null;
  created_at: string;
}

/** Parents before children, siblings by age; a version whose parent is gone stands at the root. */
export function lineageRows<M extends Version>(models: readonly M[]): TreeRow<M>[] {
  const known = new Set(models.map((model) => model.id));
  const children = new Map<string | null, M[]>();
  for (const model of [...models].sort((a, b) => a.created_at.localeCompare(b.created_at))) {
    const parent = model.parent_id && known.has(model.parent_id) ? model.parent_id : null;
    children.set(parent, [...(children.get(parent) ?? []), model]);
  }
  const rows: TreeRow<M>[] = [];
  const visit = (model: M, lane: number, from: number | null, passing: number[]) => {
    const brood = children.get(model.id) ?? [];
    rows.push({ model, lane, from, parent: brood.length > 0, passing });
    brood.forEach((child, index) => {
      if (index === brood.length - 1) visit(child, lane, lane, passing);
      else visit(child, lane + 1, lane, [...passing, lane]);
    });
  };
  for (const root of children.get(null) ?? []) visit(root, 0, null, []);
  return rows;
}
