// The live stream for any page: one EventSource, told once per event, with its state visible.
//
// listen({ region, tell, resync, status, words }) → stop(). `tell(fact)` gets every event the account may see;
// `resync()` means some were missed: load anew. Every fact is also a "live" event on document.

const PATIENCE = 8000; // ms before a refused stream is tried again

export function listen({ region = "", tell = () => {}, resync = () => {}, status = null, words = {} } = {}) {
  const seen = new Set();
  let source = null;
  let last = 0;
  let again = 0;
  let stopped = false;
  let opened = false;

  function show(state) {
    if (!status) return;
    status.dataset.state = state;
    status.textContent = words[state] || "";
  }

  function take(event) {
    const fact = JSON.parse(event.data);
    if (seen.has(fact.id)) return;
    seen.add(fact.id);
    if (seen.size > 4000) for (const id of [...seen].slice(0, 2000)) seen.delete(id);
    last = Math.max(last, fact.id);
    tell(fact);
    document.dispatchEvent(new CustomEvent("live", { detail: fact }));
  }

  function open() {
    const asked = new URLSearchParams();
    if (region) asked.set("region", region);
    if (last) asked.set("after", last);
    source = new EventSource(`/live/stream?${asked}`);
    source.addEventListener("hello", (event) => {
      last = Math.max(last, JSON.parse(event.data).last);
      show("live");
      if (opened) resync();
      opened = true;
    });
    source.addEventListener("resync", () => resync());
    source.onmessage = take;
    source.onerror = () => {
      show("lost");
      if (source.readyState === EventSource.CLOSED && !stopped) again = setTimeout(open, PATIENCE);
    };
  }

  show("connecting");
  open();
  return () => {
    stopped = true;
    clearTimeout(again);
    source.close();
  };
}
