"use strict";
// Takes answers by key and mouse, keeps them in the browser, and gives them as a manifest.
(() => {
  const review = JSON.parse(document.getElementById("review").textContent);
  const { images, strata, columns } = review;
  const key = `batch-emotion review ${review.id}`;
  const element = (id) => document.getElementById(id);
  const answerButtons = [...document.querySelectorAll("[data-answer]")];
  let answers = {};
  let at = 0;

  function load() {
    try {
      const kept = JSON.parse(localStorage.getItem(key)) ?? {};
      answers = kept.answers ?? {};
      at = Math.min(kept.at ?? 0, images.length - 1);
    } catch {
      say("This browser keeps nothing for this page: save before you close it.");
    }
  }

  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify({ answers, at }));
    } catch {
      say("This browser keeps nothing for this page: save before you close it.");
    }
  }

  const say = (text) => (element("said").textContent = text);
  const answered = () => images.filter((image) => answers[image.row] !== undefined);

  for (const [number, image] of images.entries()) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    if (image.uri) {
      const picture = document.createElement("img");
      picture.src = image.uri;
      picture.alt = "";
      button.append(picture);
    }
    button.append(document.createElement("span"));
    button.addEventListener("click", () => {
      go(number);
      element("task").scrollIntoView({ block: "start" });
    });
    item.append(button);
    element("overview").append(item);
  }
  const tiles = [...element("overview").querySelectorAll("button")];

  function show() {
    const image = images[at];
    const answer = answers[image.row];
    element("image").hidden = !image.uri;
    element("gone").hidden = Boolean(image.uri);
    if (image.uri) element("image").src = image.uri;
    element("image").alt = `Image ${at + 1} of ${images.length}`;
    element("place").textContent = `${at + 1} of ${images.length}`;
    // Not shown unasked: a name or a prediction would tell people what to see.
    const facts = [image.name, `predicted: ${image.predicted} (${Math.round(100 * image.confidence)} %)`];
    if (image.label) facts.push(`label: ${image.label}`);
    if (image.other) facts.push(`the other model: ${image.other}`);
    element("facts").textContent = element("reveal").checked ? facts.join(", ") : "";
    for (const button of answerButtons) button.setAttribute("aria-pressed", button.dataset.answer === answer);
    for (const [number, tile] of tiles.entries()) {
      const given = answers[images[number].row];
      tile.setAttribute("aria-current", number === at);
      tile.setAttribute("aria-label", `Image ${number + 1}: ${given ?? "not answered"}`);
      tile.lastChild.textContent = given ?? "–";
    }
    const count = answered().length;
    element("progress").value = count;
    element("count").textContent = `${count} of ${images.length} answered`;
    element("estimate").textContent = estimate();
  }

  function go(number) {
    at = Math.max(0, Math.min(images.length - 1, number));
    keep();
    show();
  }

  function give(answer) {
    const given = at;
    answers[images[at].row] = answer;
    const open = (number) => answers[images[number].row] === undefined;
    const order = images.map((_, step) => (at + 1 + step) % images.length);
    const next = order.find(open);
    go(next ?? at);
    say(
      next === undefined
        ? `Image ${given + 1}: ${answer}. All ${images.length} are answered; save them.`
        : `Image ${given + 1}: ${answer}. Now image ${at + 1}.`,
    );
  }

  function takeBack() {
    if (answers[images[at].row] === undefined) return say(`Image ${at + 1} has no answer to take back.`);
    delete answers[images[at].row];
    go(at);
    say(`Image ${at + 1} has no answer now.`);
  }

  // How many rows of the result each answer stands for: those of its stratum, shared out among its answers.
  function weights() {
    const counts = { chance: 0, reason: 0 };
    for (const image of answered()) counts[image.chosen === "chance" ? "chance" : "reason"] += 1;
    return { chance: strata.chance / counts.chance, reason: strata.reason / counts.reason, counts };
  }

  function estimate() {
    const { counts } = weights();
    const needed = Math.min(30, strata.chance);
    if (counts.chance < needed || (strata.reason && counts.reason < Math.min(2, strata.reason))) return "";
    const part = (name) => {
      const all = answered().filter((image) => (image.chosen === "chance") === (name === "chance"));
      const judged = all.filter((image) => review.classes.includes(answers[image.row]));
      const share = all.length ? strata[name] / all.length : 0;
      const hits = judged.filter((image) => answers[image.row] === image.predicted).length;
      return { all: all.length, judged: judged.length, hits, share, size: strata[name] };
    };
    const parts = [part("chance"), part("reason")];
    const total = parts.reduce((sum, each) => sum + each.share * each.judged, 0);
    if (!total) return "";
    const accuracy = parts.reduce((sum, each) => sum + each.share * each.hits, 0) / total;
    // The variance of a ratio in a stratified sample, by linearization (Cochran, Sampling Techniques, 1977).
    const variance = parts.reduce((sum, { all, judged, hits, share, size }) => {
      if (all < 2) return sum;
      const mean = (hits - accuracy * judged) / all;
      const square = hits * (1 - accuracy) ** 2 + (judged - hits) * accuracy ** 2;
      return sum + (share ** 2 * all * (1 - all / size) * (square - all * mean ** 2)) / (all - 1);
    }, 0);
    const [low, high] = interval(accuracy, variance / total ** 2, parts);
    const percent = (value) => (100 * Math.max(0, Math.min(1, value))).toFixed(1);
    return `By the ${counts.chance + counts.reason} answers so far, the model is right on ${percent(accuracy)} % of the result (95 % interval ${percent(low)}–${percent(high)}).`;
  }

  // Wilson's interval for as many independent answers as would have this variance; where all that were drawn by chance
  // are right, or wrong, that is none, and the variance is that of a share in a sample of this size.
  function interval(share, variance, parts) {
    const size = parts.reduce((sum, each) => sum + each.size, 0);
    const unit = parts.reduce((sum, each) => sum + (each.all ? (each.size / size) ** 2 * (1 / each.all - 1 / each.size) : 0), 0);
    const each = variance > 1e-12 ? variance / (share * (1 - share)) : unit;
    const z = 1.96 ** 2 * each;
    const half = Math.sqrt(z * share * (1 - share) + (z / 2) ** 2);
    return [(share + z / 2 - half) / (1 + z), (share + z / 2 + half) / (1 + z)];
  }

  function manifest() {
    const { chance, reason } = weights();
    const cell = (value) => {
      const text = String(value ?? "");
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = answered().map((image) => {
      const answer = answers[image.row];
      const filled = {
        ...image,
        label: review.classes.includes(answer) ? answer : "",
        answer,
        earlier_label: image.label,
        other_predicted: image.other,
        predicted_confidence: image.confidence,
        weight: image.chosen === "chance" ? chance : reason,
      };
      return columns.map((column) => cell(filled[column])).join(",");
    });
    return [columns.join(","), ...lines].join("\n") + "\n";
  }

  function save() {
    const count = answered().length;
    if (!count) return say("There is no answer to save yet.");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([manifest()], { type: "text/csv" }));
    link.download = review.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`${count} answers saved as ${review.file}.`);
  }

  const actions = {
    ArrowLeft: () => go(at - 1),
    ArrowRight: () => go(at + 1),
    Backspace: takeBack,
    s: save,
    c: () => give("cannot tell"),
    0: () => give("not a face"),
  };
  for (const [number, name] of review.classes.slice(0, 9).entries()) actions[number + 1] = () => give(name);

  document.addEventListener("keydown", (event) => {
    const typed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || !element("keys").checked || !(typed in actions)) return;
    event.preventDefault();
    if (!event.repeat) actions[typed]();
  });
  for (const button of answerButtons) button.addEventListener("click", () => give(button.dataset.answer));
  element("back").addEventListener("click", actions.ArrowLeft);
  element("next").addEventListener("click", actions.ArrowRight);
  element("clear").addEventListener("click", takeBack);
  element("save").addEventListener("click", save);
  element("reveal").addEventListener("change", show);
  addEventListener("storage", (event) => {
    if (event.key !== key) return;
    load();
    show();
  });
  load();
  element("task").hidden = false;
  show();
})();
