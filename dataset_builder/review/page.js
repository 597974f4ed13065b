// The keyboard of the review page. Digits answer the first open question, Enter saves, the left arrow goes back.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const questions = [...document.querySelectorAll(".question")].filter((q) => q.offsetParent !== null);
  const radios = (q) => [...q.querySelectorAll("input[type=radio]")];
  const answered = (q) => radios(q).some((r) => r.checked);
  const digit = Number(event.key);
  if (digit >= 1 && digit <= 9) {
    const open = questions.find((q) => !answered(q));
    const choice = open && radios(open)[digit - 1];
    if (choice) choice.click();
  } else if (event.key === "Enter") {
    document.querySelector("#save")?.click();
  } else if (event.key === "ArrowLeft" && document.activeElement?.type !== "radio") {
    document.querySelector("#back")?.click();
  } else {
    return;
  }
  event.preventDefault();
});
