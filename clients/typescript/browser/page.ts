/** A chat in a browser, through the proxy that the page's own address names: `page.html?proxy=http://127.0.0.1:8080`. */

import { APIError, Trunkline } from "trunkline/web";

const address = new URLSearchParams(location.search).get("proxy") ?? undefined;
const client = new Trunkline({ address });
const form = document.forms.item(0) as HTMLFormElement;
const answer = document.getElementById("answer") as HTMLElement;
const status = document.getElementById("status") as HTMLElement;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { model, prompt } = Object.fromEntries(new FormData(form)) as Record<string, string>;
  void ask(model, prompt);
});

async function ask(model: string | undefined, prompt: string | undefined): Promise<void> {
  answer.replaceChildren();
  status.textContent = "asked";
  const stream = client.stream(prompt, { model, maxOutputTokens: 1000 });
  const stop = () => stream.cancel();
  form["stop"].addEventListener("click", stop);
  try {
    for await (const piece of stream.text) answer.append(piece);
    status.textContent = `${stream.response.finishReason}: ${stream.usage.outputTotal} tokens`;
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    status.textContent = `${error.name} ${error.retryAfter ?? ""}: ${error.message}`;
  } finally {
    form["stop"].removeEventListener("click", stop);
  }
}
