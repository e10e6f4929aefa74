// All reports through one page: what each takes, its rows, as a file, on paper.

import { useEffect, useState } from "preact/hooks";

import { get, refusalOf } from "../../api/client";
import { link } from "../../router";
import { fromDay, toDay } from "../../forms/moments";
import { useAsked } from "../../ui/asked";
import { TextField } from "../../ui/field";
import { Empty, Loading, Refusal } from "../../ui/states";
import { Table } from "../../ui/table";
import { language, useT, when } from "../../words";
import { Bars } from "./bars";
import { useCells } from "./cells";
import { type Attested, Heat } from "./heat";
import { words as w } from "./words";

interface Column {
  name: string;
  zh: string;
}

interface Report {
  name: string;
  title_zh: string;
  title_en: string;
  articles: string[];
  columns: Column[];
  takes: string[];
}

type Row = Record<string, unknown>;

interface Body {
  from: string;
  to: string;
  items: Row[];
  next?: string | null;
}

export function Reports({ name }: { name?: string | undefined }) {
  const t = useT();
  const { value, refused } = useAsked<Report[]>("/reports");
  if (refused) return <Refusal of={refused} />;
  if (!value) return <Loading />;
  const report = value.find((one) => one.name === name);
  return (
    <div class="split">
      <nav class="list" aria-label={t(w.reports)}>
        {value.map((one) => (
          <a key={one.name} href={link(`oversee/reports/${one.name}`)} aria-current={one === report ? "page" : undefined}>
            {titleOf(one)}
          </a>
        ))}
      </nav>
      {report ? <One key={report.name} report={report} /> : <Empty of={w.choose} />}
    </div>
  );
}

function titleOf(report: Report): string {
  return language() === "zh" ? report.title_zh : report.title_en;
}

/** A day of this terminal's calendar, so many after today. */
const today = (days: number) => toDay(new Date(Date.now() + days * 86_400_000).toISOString());

function One({ report }: { report: Report }) {
  const t = useT();
  const takes = (what: string) => report.takes.includes(what);
  const [asked, ask] = useState<Record<string, string>>(takes("period") ? { from: today(-30), to: today(1) } : {});
  const [rows, setRows] = useState<Row[]>([]);
  const [body, setBody] = useState<Body | null>(null);
  const [refused, setRefused] = useState<unknown>(null);
  const shown = useCells(rows);
  const query = (more: Record<string, string> = {}) => {
    const said = Object.entries({ ...asked, ...more }).filter(([, value]) => value);
    const full = said.map(([key, value]) => [key, key === "from" || key === "to" ? fromDay(value) : value]);
    return new URLSearchParams(full as [string, string][]).toString();
  };
  const fetchPart = async (cursor?: string | null) => {
    setRefused(null);
    try {
      const part = await get<Body>(`/reports/${report.name}?${query({ limit: "100", ...(cursor ? { cursor } : {}) })}`);
      setBody(part);
      setRows((was) => (cursor ? [...was, ...part.items] : part.items));
    } catch (error) {
      setRefused(refusalOf(error));
    }
  };
  useEffect(() => void fetchPart(), []);
  const field = (key: string, label: { zh: string; en: string }, type: string) => (
    <TextField label={label} type={type} value={asked[key] ?? ""} onValue={(value) => ask({ ...asked, [key]: value })} />
  );
  return (
    <section class="report">
      <header class="page-head">
        <h2>{titleOf(report)}</h2>
        <div class="actions">
          {["csv", "xlsx"].map((format) => (
            <a key={format} class="button" href={`/api/v1/reports/${report.name}?${query({ format })}`} download={`${report.name}.${format}`}>
              {format.toUpperCase()}
            </a>
          ))}
          <button type="button" onClick={() => print()}>
            {t(w.print)}
          </button>
        </div>
      </header>
      <p class="fine">
        {t(w.basis)} {report.articles.join("、")}
        {body && ` · ${when(body.from)} – ${when(body.to)}`}
      </p>
      {report.takes.length > 0 && (
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void fetchPart();
          }}
        >
          {takes("period") && field("from", w.from, "date")}
          {takes("period") && field("to", w.to, "date")}
          {takes("camera") && field("camera", w.camera, "text")}
          {takes("unit") && field("unit", w.unit, "text")}
          {takes("days") && field("days", w.days, "number")}
          <button type="submit">{t(w.show)}</button>
        </form>
      )}
      <Refusal of={refused} />
      {report.name === "retention" && <Heat days={rows as unknown as Attested[]} />}
      {report.name === "denials" && <Bars rows={rows} />}
      {body && (
        <Table<Row>
          rows={rows}
          keyOf={(row) => String(rows.indexOf(row))}
          caption={{ zh: report.title_zh, en: report.title_en }}
          columns={report.columns.map((column) => ({
            title: { zh: column.zh, en: column.name.replace(/_/g, " ") },
            cell: (row) => shown(column.name, row[column.name]),
            number: typeof rows[0]?.[column.name] === "number",
          }))}
          onMore={body.next ? () => void fetchPart(body.next) : null}
        />
      )}
    </section>
  );
}
