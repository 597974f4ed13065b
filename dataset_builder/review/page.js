// The keyboard of the review page. Digits answer the first open question, Enter saves, the left arrow goes back.
// What is pressed while the next item is on its way waits until it is there whole: see page.py on data-turn.
const pressed = [];
// The turn that is being left; from the start until the first item is there, none that ever was.
let leaving = "0";
let leftHeading = null;

const questions = () => [...document.querySelectorAll(".question")].filter((q) => q.offsetParent !== null);
const radios = (q) => [...q.querySelectorAll("input[type=radio]")];
const answer = (q) => radios(q).findIndex((r) => r.checked) + 1;
const heading = () => document.querySelector("#item h2")?.textContent;
const shown = () => document.querySelector("#item [data-turn]")?.dataset;

function whole() {
  const now = shown();
  return now && now.turn !== leaving && questions().map(answer).join() === now.answered;
}

function act(key) {
  if (key === "Enter") {
    document.querySelector("#save")?.click();
  } else if (key === "ArrowLeft") {
    document.querySelector("#back")?.click();
  } else {
    const open = questions().find((q) => !answer(q));
    if (open) radios(open)[Number(key) - 1]?.click();
  }
}

// One key at a time, so that each answer has arrived before the next key.
setInterval(() => {
  if (leaving !== null && whole()) {
    leaving = null;
    // Another item is read from its beginning.
    if (heading() !== leftHeading) scrollTo(0, 0);
  }
  if (leaving === null && pressed.length) act(pressed.shift());
}, 10);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const focus = document.activeElement;
  const digit = /^[1-9]$/.test(event.key);
  // On a link or another button, Enter is theirs.
  const enter = event.key === "Enter" && !(focus?.closest("a, button") && focus.id !== "save");
  const left = event.key === "ArrowLeft" && focus?.type !== "radio";
  if (!digit && !enter && !left) return;
  event.preventDefault();
  if (event.repeat) return;
  pressed.push(event.key);
});

addEventListener("click", (event) => {
  const button = event.target.closest?.("#save, #back");
  if (!button) {
    // Who answers by the mouse has the next item before them.
    if (event.isTrusted && leaving !== shown()?.turn) leaving = null;
    return;
  }
  if (leaving === null && shown()) {
    leaving = shown().turn;
    leftHeading = heading();
  }
  // After the mouse the keys are for answers again; who came by Tab stays where they are.
  if (event.detail > 0) button.blur();
}, true);
