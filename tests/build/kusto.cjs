// Reads {"tables": {NAME: {COLUMN: TYPE}}, "queries": [TEXT]} from standard input and writes, for each query, what
// Microsoft's analyser says of it: [{"errors": [TEXT], "columns": {NAME: TYPE}}].
const path = require("path");
const home = path.join(process.argv[2], "node_modules", "@kusto", "language-service-next");
require(path.join(home, "bridge.min.js"));
require(path.join(home, "Kusto.Language.Bridge.min.js"));
const language = globalThis.Kusto.Language;
const symbols = language.Symbols;
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const tables = Object.entries(asked.tables).map(([name, columns]) =>
  symbols.TableSymbol.From("(" + Object.entries(columns).map(([column, type]) => `['${column}']: ${type}`).join(", ") + ")").WithName(name));
const database = new symbols.DatabaseSymbol.ctor("logs", tables);
const state = language.GlobalState.Default.WithDatabase(database);
const answers = asked.queries.map((text) => {
  const code = language.KustoCode.ParseAndAnalyze(text, state);
  const said = code.GetDiagnostics();
  const errors = [];
  for (let at = 0; at < said.Count; at++) {
    const one = said.getItem(at);
    if (one.Severity === "Error") errors.push(`${one.Code} ${one.Message} at ${text.substr(one.Start, Math.min(one.Length, 60))}`);
  }
  const columns = {};
  const result = code.ResultType;
  if (result && result.Columns) {
    for (let at = 0; at < result.Columns.Count; at++) {
      const column = result.Columns.getItem(at);
      columns[column.Name] = column.Type.Name;
    }
  }
  return { errors, columns };
});
process.stdout.write(JSON.stringify(answers));
