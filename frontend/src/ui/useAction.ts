/** A change sent to the backend: refreshes what it made stale, says when it is done, and says what to do when it failed. */
import { notifications } from "@mantine/notifications";
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import { messageOf } from "../api/problem";

interface Options<Input, Output> {
  run: (input: Input) => Promise<Output>;
  /** Keys to refresh afterwards, whether it worked or not: a failure often means that the page was out of date. */
  stale?: readonly QueryKey[];
  /** Sentence for a small note, or a function that makes it. Left out where the page itself shows the result. */
  done?: string | ((output: Output, input: Input) => string);
  onDone?: (output: Output, input: Input) => void;
  onFailed?: () => void;
  /** True where the form shows the error itself. */
  quiet?: boolean;
}

export function useAction<Input = void, Output = unknown>(options: Options<Input, Output>) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: options.run,
    onSuccess: (output, input) => {
      const text = typeof options.done === "function" ? options.done(output, input) : options.done;
      if (text) notifications.show({ message: text, color: "loom" });
      options.onDone?.(output, input);
    },
    onError: (error) => {
      if (!options.quiet) showError(error);
      options.onFailed?.();
    },
    onSettled: () => Promise.all((options.stale ?? []).map((queryKey) => queryClient.invalidateQueries({ queryKey }))),
  });
}

export function showError(error: unknown, title = "That did not work") {
  notifications.show({ title, message: messageOf(error), color: "red", autoClose: 12_000 });
}
