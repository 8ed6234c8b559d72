/**
 * An action that is wanted more often than it should be done: it is done once `pause` ms have passed without a wish, and at
 * least every `most` ms while there are some.
 *
 * @param {() => void} action
 * @param {{pause: number, most: number}} times
 */
export function paced(action, { pause, most }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let since = 0;

  const cancel = () => {
    clearTimeout(timer);
    since = 0;
  };
  const now = () => {
    cancel();
    action();
  };
  const wish = () => {
    since ||= performance.now();
    clearTimeout(timer);
    timer = setTimeout(now, Math.min(pause, Math.max(0, since + most - performance.now())));
  };
  return { wish, now, cancel };
}
