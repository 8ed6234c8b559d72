/** Who hears what of whom: the only module that knows all the others. */

import { Unanswered, answer, catalogue, unlock } from "./answer.js";
import { openCamera } from "./camera.js";
import { Chooser } from "./chooser.js";
import { Desk } from "./desk.js";
import { byId, say } from "./dom.js";
import { openInbox } from "./inbox.js";
import { Networks } from "./networks.js";
import { Newest } from "./newest.js";
import { paced } from "./pace.js";
import { Panel } from "./panel.js";
import { asked, brought, discard, isAnswered, isWithheld, keep } from "./pictures.js";
import { Session } from "./session.js";
import { Several } from "./several.js";
import { drawn } from "./strokes.js";
import { Where } from "./where.js";
import { isOfDigits, sentence, surety } from "./words.js";

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {import("./answer.js").Card} Card */
/** @typedef {import("./pictures.js").Asked} Asked */
/** @typedef {import("./strokes.js").Stroke} Stroke */

/** How often a busy service is asked again by itself. */
const PATIENCE = 5;
const UNSEEN = "does not get to see this picture";

/** @type {Card[]} in the labs' order */
let cards = [];
/** @type {Card | null} the default network, answering in this browser */
let here = null;
/** @type {Card | undefined} of the network whose answer is shown large */
let chosen;
/** @type {Asked | undefined} what is looked at */
let current;
/** @type {Asked[]} the pictures that it came with, itself among them */
let batch = [];
let retries = 0;

const newest = new Newest();
const panel = new Panel({ again, send });
const networks = new Networks(choose);
const chooser = new Chooser((name) => choose(named(name)));
const where = new Where((isHere) => choose(isHere && here ? here : named(here?.name)));
const several = new Several({ see: look, again: askAll });
const session = new Session(lookBack);
const desk = new Desk({ drawn: draw, lifted: () => live.now(), cleared: leave });
/** While somebody draws, the chosen network answers at each short rest of the hand, and at least three times a second; */
const live = paced(ask, { pause: 100, most: 300 });
/** all the others when the hand rests a little longer. */
const settled = paced(conclude, { pause: 300, most: Infinity });

/** @param {Stroke[]} strokes */
function draw(strokes) {
  const isHere = chosen?.isHere ?? false;
  if (!current?.strokes) batch = [(current = asked(drawn(strokes), isHere, strokes))];
  else {
    discard(current);
    Object.assign(current, { picture: drawn(strokes), strokes, answer: null, isKept: current.isKept || isHere });
  }
  settled.cancel();
  networks.stop();
  several.mark(current);
  live.wish();
}

/** @param {File[]} files */
async function bring(files) {
  const isHere = chosen?.isHere ?? false;
  const all = await Promise.all(files.map((file) => brought(file, isHere)));
  if (all.length === 1) return look(all[0], all);
  several.open(all);
  session.keep(all);
  look(all[0], all);
  await askAll(all);
}

/** Nothing of before is shown any more, and nothing that is under way will be. */
function leave() {
  if (current?.answer) session.keep(batch);
  current = undefined;
  newest.forget();
  live.cancel();
  settled.cancel();
  panel.rest();
  networks.rest();
  several.mark(null);
}

/**
 * @param {Asked} one
 * @param {Asked[]} its the pictures that it came with
 */
function look(one, its) {
  leave();
  [current, batch] = [one, its];
  desk.show(one);
  several.mark(one);
  if (!chosen) return;
  if (!isAnswered(one, chosen)) {
    if (isWithheld(one, chosen)) return offer(chosen);
    panel.wait();
    live.wish();
  } else if (one.answer) {
    panel.show(one.answer, one.card);
    settled.now();
  }
}

/** @param {Card} card of the network at the service that may get to see a picture of this browser */
function offer(card) {
  panel.offer(card);
  networks.rest(`They are at the service, which ${UNSEEN} unless you send it.`);
  say("This picture stays in this browser until you send it.");
}

/** What is looked at need not stay in this browser any more. */
function send() {
  if (!current) return;
  current.isKept = false;
  look(current, batch);
}

/** @param {Asked[]} its */
function lookBack(its) {
  if (its.length > 1) several.open(its);
  look(its[0], its);
  byId("sheet-title", HTMLElement).parentElement?.scrollIntoView({ block: "nearest" });
}

function ask() {
  if (!current || !chosen) return;
  if (isWithheld(current, chosen)) return offer(chosen);
  if (chosen.isHere) keep(current);
  const [one, picture, card] = [current, current.picture, chosen];
  newest.ask(
    (signal) => answer(picture, { card, signal, wait: (why) => panel.wait(why) }),
    (given) => {
      retries = 0;
      panel.show(given, card);
      if (one.picture !== picture) return; // somebody draws on; the answer to that is on its way
      Object.assign(one, { answer: given, card, failure: "" });
      say(`${sentence(given, card)} ${surety(given)}`);
      if (one.strokes) settled.wish();
      else settled.now();
    },
    complain,
  );
}

/** The picture is as it is going to be. */
function conclude() {
  if (!current?.answer) return;
  session.keep(batch);
  if (!current.answer.probabilities) networks.rest();
  else if (chosen?.isHere) networks.rest(`The others are at the service, which ${current.isKept ? UNSEEN : "is not asked now"}.`);
  else networks.compare(current.picture, current.answer);
}

/** @param {Asked[]} all */
async function askAll(all) {
  if (!chosen) return;
  await several.ask(all, chosen, (some) => {
    if (current && some.includes(current)) look(current, all);
  });
}

/** @param {unknown} error */
function complain(error) {
  if (!(error instanceof Unanswered)) throw error;
  networks.rest();
  if (error.kind === "busy" && retries++ < PATIENCE) {
    panel.complain(`The service is busy. It is asked again in ${error.after} s.`);
    const one = current;
    setTimeout(() => one === current && retry(), error.after * 1000);
    return;
  }
  panel.complain(error.message, { locked: error.kind === "locked" });
}

/** @param {string} key */
function again(key) {
  unlock(key);
  retries = 0;
  retry();
}

function retry() {
  if (cards.length) ask();
  else start();
}

/** @param {Card | undefined} card */
function choose(card) {
  if (!card || card === chosen) return;
  chosen = card;
  chooser.chosen = card;
  where.chosen = card;
  panel.open(card);
  networks.lead(card);
  desk.invite(isOfDigits(card) ? "Draw a digit here" : "Draw something to wear");
  if (!current) return;
  const known = networks.known(current.picture, card);
  if (known) Object.assign(current, { answer: known, card });
  look(current, batch);
  if (batch.length > 1) askAll(batch); // what came before there was a network to ask
}

/** @param {string | undefined} wanted */
const named = (wanted) => cards.find(({ name }) => name === wanted);

async function start() {
  try {
    const told = await catalogue();
    [cards, here] = [told.models.sort(byLab), told.here];
    networks.open(cards, Object.keys(told.refused));
    chooser.open(cards);
    where.open(here);
    choose(named(told.default));
  } catch (error) {
    complain(error);
  }
}

/**
 * The labs' order, what is of no lab last.
 *
 * @param {Card} one
 * @param {Card} other
 */
function byLab(one, other) {
  const isNone = (/** @type {Card} */ { lab }) => lab === "none";
  return Number(isNone(one)) - Number(isNone(other)) || one.lab.localeCompare(other.lab);
}

openInbox(
  ["files", "capture"].map((id) => byId(id, HTMLInputElement)),
  { files: bring, nothing: (why) => panel.remark(why) },
);
openCamera({ button: byId("photo", HTMLButtonElement), capture: byId("capture", HTMLInputElement), files: bring });
byId("choose", HTMLButtonElement).addEventListener("click", () => byId("files", HTMLInputElement).click());
start();
