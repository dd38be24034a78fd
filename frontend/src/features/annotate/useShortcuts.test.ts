// @vitest-environment happy-dom
import { afterEach, expect, test } from "vitest";
import { isElsewhere } from "./useShortcuts";

afterEach(() => document.body.replaceChildren());

function pressed(key: string, html: string): boolean {
  document.body.innerHTML = html;
  let elsewhere: boolean | undefined;
  const listen = (event: KeyboardEvent) => {
    elsewhere = isElsewhere(event);
  };
  window.addEventListener("keydown", listen, { once: true });
  document.body.firstElementChild?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  return elsewhere as boolean;
}

test("a candidate chosen with the mouse is accepted by Enter", () => {
  expect(pressed("Enter", "<input type='radio'>")).toBe(false);
  expect(pressed("d", "<input type='radio'>")).toBe(false);
});

test("arrow keys on a slider or on candidates do not leave the image", () => {
  expect(pressed("ArrowRight", "<input type='radio'>")).toBe(true);
  expect(pressed("ArrowRight", "<div role='slider'></div>")).toBe(true);
  expect(pressed("ArrowRight", "<div></div>")).toBe(false);
});

test("fields, buttons and dialogs keep their keys", () => {
  expect(pressed("d", "<input type='text'>")).toBe(true);
  expect(pressed("Enter", "<button></button>")).toBe(true);
  expect(pressed("d", "<button></button>")).toBe(false);
  expect(pressed("d", "<div><div role='dialog'></div></div>")).toBe(true);
});
