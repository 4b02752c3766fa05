"use strict";
// The page is whole without this: it only adds a search, and buttons that copy.
const tasks = [...document.querySelectorAll(".task")];
const find = document.getElementById("find");
if (find && tasks.length > 1) {
  find.closest(".find").hidden = false;
  const left = document.getElementById("left");
  const texts = tasks.map((task) => task.textContent.toLowerCase());
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    tasks.forEach((task, number) => {
      const fits = texts[number].includes(wanted);
      task.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    left.textContent = wanted ? `${shown} of ${tasks.length}` : "";
  });
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.closest(".fix").querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, 1500);
    });
  }
}
