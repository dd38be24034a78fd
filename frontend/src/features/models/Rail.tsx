/** The piece of the family tree beside one row: its dot, the line that leads to it, and the lines that pass by. */
import classes from "./Rail.module.css";

const LANE = 18;
const DOT = 12;
/** Where the dot sits: beside the first line of the row's text. */
const MIDDLE = 21;

export type DotState = "used" | "held" | "plain";

interface Props {
  lane: number;
  from: number | null;
  parent: boolean;
  passing: number[];
  /** Lanes in the whole tree, so that all rows begin at the same place. */
  lanes: number;
  state: DotState;
}

const centre = (lane: number) => lane * LANE + DOT / 2;

export function Rail({ lane, from, parent, passing, lanes, state }: Props) {
  return (
    <div className={classes.rail} style={{ width: (lanes - 1) * LANE + DOT }} aria-hidden>
      {passing.map((other) => (
        <Line key={other} lane={other} top={0} />
      ))}
      {from === lane && <span className={classes.line} style={{ left: centre(lane) - 1, top: 0, height: MIDDLE }} />}
      {from !== null && from !== lane && (
        <span
          className={classes.bend}
          style={{ left: centre(from) - 1, top: 0, width: (lane - from) * LANE, height: MIDDLE + 1 }}
        />
      )}
      {parent && <Line lane={lane} top={MIDDLE} />}
      <span className={classes.dot} data-state={state} style={{ left: lane * LANE, top: MIDDLE - DOT / 2 }} />
    </div>
  );
}

/** The lines that run on past what is shown below a row. */
export function RailBelow({ lane, parent, passing, lanes }: Omit<Props, "from" | "state">) {
  return (
    <div className={classes.rail} style={{ width: (lanes - 1) * LANE + DOT }} aria-hidden>
      {[...passing, ...(parent ? [lane] : [])].map((other) => (
        <Line key={other} lane={other} top={0} />
      ))}
    </div>
  );
}

const Line = ({ lane, top }: { lane: number; top: number }) => (
  <span className={classes.line} style={{ left: centre(lane) - 1, top, bottom: 0 }} />
);
