// Brings a film by tus: with its progress, paused and gone on with, also after the page was closed.
import { DetailedError, Upload } from "tus-js-client";

const ENDPOINT = "/api/v1/studio/uploads";
const RETRY_MILLISECONDS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000];

export function watchUpload(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-upload]");
  if (form) new UploadForm(form);
}

class UploadForm {
  private upload: Upload | null = null;
  private readonly start: HTMLButtonElement;
  private readonly pause: HTMLButtonElement;
  private running = false;

  constructor(private readonly form: HTMLFormElement) {
    form.hidden = false;
    this.start = this.button("start");
    this.pause = this.button("pause");
    const { file, name } = this.fields();
    file.addEventListener("change", () => {
      const chosen = file.files?.[0];
      if (chosen && !name.value) name.value = nameOf(chosen.name);
      this.upload = null;
      this.show("Upload", false);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.go();
    });
    this.pause.addEventListener("click", () => void this.halt());
    addEventListener("beforeunload", (event) => {
      if (this.running) event.preventDefault();
    });
  }

  private async go(): Promise<void> {
    const file = this.fields().file.files?.[0];
    if (!file || this.running) return;
    this.problem(null);
    this.show("Uploading", true);
    if (!this.upload) {
      const upload = this.made(file);
      // The same file, begun here before: its bytes that arrived are not sent again.
      const [begun] = await upload.findPreviousUploads();
      if (begun) upload.resumeFromPreviousUpload(begun);
      this.upload = upload;
    }
    this.upload.start();
  }

  private made(file: File): Upload {
    return new Upload(file, {
      endpoint: ENDPOINT,
      retryDelays: RETRY_MILLISECONDS,
      metadata: { filename: file.name, filetype: file.type },
      removeFingerprintOnSuccess: true,
      onProgress: (sent, size) => this.progress(sent, size ?? file.size),
      onError: (error) => this.failed(sentence(error)),
      onSuccess: () => void this.taken(),
    });
  }

  private async halt(): Promise<void> {
    await this.upload?.abort();
    this.show("Go on", false);
  }

  /** The film is here: it becomes a title, and its encode begins. */
  private async taken(): Promise<void> {
    const { name, year } = this.fields();
    const source = this.upload?.url?.split("/").at(-1);
    this.say("Here. It becomes a title.");
    const order = { source, name: name.value, year: year.value ? Number(year.value) : null };
    const answer = await fetch("/api/v1/studio/titles", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
    }).catch(() => null);
    if (answer?.ok) {
      this.running = false;
      location.assign("/studio/encodes");
      return;
    }
    this.failed(answer ? detail(await answer.text()) : "The service does not answer.");
  }

  private progress(sent: number, size: number): void {
    const share = size ? sent / size : 1;
    const bar = this.form.querySelector("progress");
    if (bar) bar.value = share;
    // To the whole per cent, which a screen reader need not hear more often than it changes.
    this.say(`${Math.floor(share * 100)} % of ${megabytes(size)}`);
  }

  private failed(message: string): void {
    this.show("Try again", false);
    this.problem(message);
  }

  private show(label: string, running: boolean): void {
    this.running = running;
    this.start.textContent = label;
    this.start.disabled = running;
    this.pause.hidden = !running;
    const state = this.form.querySelector<HTMLElement>(".upload-state");
    if (state && running) state.hidden = false;
  }

  private say(words: string): void {
    const place = this.form.querySelector<HTMLElement>("[role=status]");
    if (place && place.textContent !== words) place.textContent = words;
  }

  private problem(words: string | null): void {
    const place = this.form.querySelector<HTMLElement>("[role=alert]");
    if (!place) return;
    place.hidden = words === null;
    place.textContent = words;
  }

  private fields(): Record<"file" | "name" | "year", HTMLInputElement> {
    const field = (name: string) => this.form.elements.namedItem(name) as HTMLInputElement;
    return { file: field("file"), name: field("name"), year: field("year") };
  }

  private button(name: string): HTMLButtonElement {
    return this.form.elements.namedItem(name) as HTMLButtonElement;
  }
}

function nameOf(file: string): string {
  return file
    .replace(/\.[a-z0-9]{1,8}$/i, "")
    .replace(/[_.]+/g, " ")
    .trim();
}

function megabytes(size: number): string {
  return size < 1e9 ? `${(size / 1e6).toFixed(1)} MB` : `${(size / 1e9).toFixed(2)} GB`;
}

function sentence(error: Error | DetailedError): string {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : null;
  return body ? detail(body) : "The line to the service broke; what arrived is kept.";
}

function detail(body: string): string {
  try {
    return String(JSON.parse(body).detail);
  } catch {
    return "The service answers with something else than it should.";
  }
}
