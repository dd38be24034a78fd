/** The three stages of the data engine in the words of the page. */

export const STAGES = [
  {
    stage: 1,
    name: "Assisted",
    color: "indigo",
    summary: "Annotators label everything; the model helps with every click.",
  },
  {
    stage: 2,
    name: "Semi-automatic",
    color: "grape",
    summary: "The model's confident masks come first; annotators add what is missing.",
  },
  {
    stage: 3,
    name: "Automatic",
    color: "teal",
    summary: "Nobody annotates: the model finds and draws all masks by itself.",
  },
] as const;
