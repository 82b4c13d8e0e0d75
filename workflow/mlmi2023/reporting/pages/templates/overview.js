(() => {
  const list = document.querySelector(".papers");
  const papers = [...list.children];
  const buttons = [...document.querySelectorAll(".controls button")];
  const chosen = { sort: "number", family: "", verdicts: "" };
  const number = (paper, key) => Number(paper.dataset[key]);
  const orders = {
    number: () => 0,
    family: (a, b) => a.dataset.family.localeCompare(b.dataset.family),
    share: (a, b) => number(b, "share") - number(a, "share"),
    claims: (a, b) => number(b, "claims") - number(a, "claims"),
  };
  const show = () => {
    papers.sort((a, b) => orders[chosen.sort](a, b) || number(a, "number") - number(b, "number"));
    list.append(...papers);
    let shown = 0;
    for (const paper of papers) {
      const fits = (!chosen.family || paper.dataset.family === chosen.family)
        && (!chosen.verdicts || paper.dataset.verdicts.split(" ").includes(chosen.verdicts));
      paper.hidden = !fits;
      shown += fits;
    }
    document.querySelector(".shown").textContent = `${shown} of ${papers.length} papers shown`;
    for (const button of buttons) {
      const { sort, filter, value } = button.dataset;
      button.setAttribute("aria-pressed", sort ? chosen.sort === sort : chosen[filter] === value);
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const { sort, filter, value } = button.dataset;
      chosen[sort ? "sort" : filter] = sort || value;
      show();
    });
  }
  document.querySelector(".controls").hidden = false;
})();
