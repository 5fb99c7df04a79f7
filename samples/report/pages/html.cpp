#include "samples/report/pages/html.h"

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samples/report/svg/palette.h"
#include "samples/report/svg/text.h"

namespace papilio::report {
namespace {

// No script, and nothing from elsewhere.
constexpr std::string_view kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"/>
<meta name="color-scheme" content="light dark"/>
)html";

constexpr std::string_view kPageCss = R"css(
*{box-sizing:border-box}
html{font-size:17px;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);line-height:1.6;font-family:Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,"DejaVu Serif",serif}
main{max-width:66rem;margin:0 auto;padding:3.5rem 1.5rem 5rem}
h1,h2,table,nav,figcaption,dl,.merit{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:2.1rem;line-height:1.2;letter-spacing:-.015em;margin:0 0 1.2rem;font-weight:650}
h2{font-size:1.35rem;line-height:1.3;margin:0 0 1rem;font-weight:650;letter-spacing:-.01em}
section{margin-top:4.2rem;scroll-margin-top:1rem}
p{max-width:43rem;margin:0 0 1.1rem}
.lead{font-size:1.12rem;max-width:46rem;overflow-wrap:anywhere}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:.18em}
nav{margin:2.2rem 0 0;font-size:.86rem;color:var(--soft)}
nav a{display:inline-block;margin:0 1.1rem .35rem 0;text-decoration:none}
nav a:hover{text-decoration:underline}
.merit{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:1.6rem 2rem;margin:2.4rem 0 0;padding:1.6rem 0;border-top:1px solid var(--grid);border-bottom:1px solid var(--grid)}
.merit b{display:block;font-size:1.65rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.merit span{font-size:.82rem;color:var(--soft);line-height:1.4;display:block}
figure{margin:1.8rem 0 2.6rem}
.row{display:flex;flex-wrap:wrap;gap:2rem 1.6rem;align-items:flex-start}
.cellbox{flex:0 1 auto;max-width:100%;overflow-x:auto}
.cellbox svg{display:block;max-width:100%;height:auto}
.cellbox.wide svg{min-width:36rem}
figcaption,caption{font-size:.88rem;line-height:1.5;color:var(--soft);max-width:46rem;text-align:left}
figcaption{margin-top:1rem}
figcaption b,caption b{color:var(--ink);font-weight:600}
.scroll{overflow-x:auto;margin:1.6rem 0 2.6rem}
table{border-collapse:collapse;font-size:.86rem;line-height:1.35}
caption{caption-side:bottom;padding-top:.9rem}
th,td{padding:.55rem .85rem;border-bottom:1px solid var(--grid);text-align:left;vertical-align:bottom;white-space:nowrap}
th:first-child,td:first-child{padding-left:.2rem}
th{font-weight:600;color:var(--soft);border-bottom:1.5px solid var(--rule)}
th.n,td.n{text-align:right;font-variant-numeric:tabular-nums}
td.s{font-weight:700}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.45rem 1.6rem;font-size:.88rem;margin:0 0 1.6rem;max-width:52rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
i.v{font-family:"Cambria Math",Cambria,Georgia,"Times New Roman",serif;font-size:1.05em}
.key{white-space:nowrap}
.key svg{width:.85em;height:.85em;margin-right:.5em;vertical-align:-.06em}
dl.columns{display:block;columns:19rem;column-gap:2.5rem;max-width:none}
dl.columns div{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;break-inside:avoid;border-bottom:1px solid var(--grid);padding:.2rem 0}
dl.columns dd{text-align:right;min-width:0;margin-left:auto}
dl.columns dt{white-space:nowrap}
.cards{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(7.2rem,1fr));gap:1.3rem 1rem;font:.8rem/1.35 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.cards.broad{grid-template-columns:repeat(auto-fill,minmax(min(19rem,100%),1fr))}
.cards li{min-width:0}
.cards svg{display:block;max-width:100%;height:auto;margin:0 0 .35rem -7px}
.cards b,.cards span{display:block;overflow-wrap:anywhere}
.cards b{font-weight:600}
.cards span{color:var(--soft)}
details{margin:1.2rem 0 2.6rem}
summary{cursor:pointer;color:var(--link);font:.9rem system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
pre{overflow-x:auto;background:var(--panel);border:1px solid var(--grid);padding:.7rem .9rem;font-size:.82rem;line-height:1.5}
.note{border-left:3px solid var(--minus);padding:.1rem 0 .1rem 1rem}
@media (max-width:66rem){
th,td{padding:.5rem .58rem}
}
@media (max-width:40rem){
html{font-size:16px}
main{padding:2rem 1rem 3rem}
section{margin-top:3rem}
dl{grid-template-columns:1fr;gap:0}
table{font-size:.78rem}
th,td{padding:.45rem .5rem;white-space:normal}
th:first-child,td:first-child{position:sticky;left:0;background:var(--paper)}
caption{max-width:calc(100vw - 2rem)}
dd{margin-bottom:.7rem}
table.stack,.stack tbody,.stack caption{display:block}
.stack thead{display:none}
.stack tr{display:block;padding:.55rem 0;border-bottom:1px solid var(--rule)}
.stack td{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.12rem 0;text-align:right}
.stack td::before{content:attr(data-column);color:var(--soft);text-align:left}
.stack td:first-child{position:static;justify-content:flex-start;font-weight:650;padding:0 0 .2rem}
.stack td:first-child::before{content:none}
}
@media print{
@page{margin:16mm}
html{font-size:11pt}
main{max-width:none;padding:0}
nav{display:none}
section{margin-top:2.2rem}
h2,figcaption{break-after:avoid}
figure,table,.merit{break-inside:avoid}
.scroll,.cellbox{overflow:visible}
.cellbox.wide svg{min-width:0}
th,td{white-space:normal}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
)css";

// Pictures that would be too small to read on a phone scroll sideways instead of shrinking.
bool is_wide(const std::string& svg) {
  const auto start = svg.find(" width=\"");
  return start != std::string::npos && std::atof(svg.c_str() + start + 8) > 620;
}

}  // namespace

Document::Document(std::string_view title_text) : title_(escape(title_text)) {}

void Document::lead(std::string_view html) {
  body_ += "<p class=\"lead\">" + std::string(html) + "</p>\n";
}

void Document::figures_of_merit(
    const std::vector<std::pair<std::string, std::string>>& value_and_text) {
  body_ += "<div class=\"merit\">\n";
  for (const auto& [value, text] : value_and_text) {
    body_ += "<div><b>" + escape(value) + "</b><span>" + escape(text) + "</span></div>\n";
  }
  body_ += "</div>\n";
}

void Document::section(std::string_view id, std::string_view title_text) {
  const std::string anchor = escape(id);
  const std::string title = escape(title_text);
  if (open_section_) body_ += "</section>\n";
  if (!open_section_) body_ += "<!--contents-->\n";
  open_section_ = true;
  contents_ += "<a href=\"#" + anchor + "\">" + title + "</a>\n";
  body_ += "<section id=\"" + anchor + "\">\n<h2>" + title + "</h2>\n";
}

void Document::paragraph(std::string_view html) {
  body_ += "<p>" + std::string(html) + "</p>\n";
}

void Document::note(std::string_view html) {
  body_ += "<p class=\"note\">" + std::string(html) + "</p>\n";
}

void Document::code_block(std::string_view text) {
  body_ += "<pre><code>" + escape(text) + "</code></pre>\n";
}

void Document::figure(const std::vector<std::string>& svgs, std::string_view caption_html) {
  body_ += "<figure>\n<div class=\"row\">\n";
  for (const std::string& svg : svgs) {
    body_ += is_wide(svg) ? "<div class=\"cellbox wide\">" : "<div class=\"cellbox\">";
    body_ += svg + "</div>\n";
  }
  body_ += "</div>\n" + numbered_caption(caption_html) + "</figure>\n";
}

std::string Document::numbered_caption(std::string_view html) {
  return "<figcaption><b>Figure " + std::to_string(++figures_) + ".</b> " + std::string(html) +
         "</figcaption>\n";
}

void Document::cards(const std::vector<Card>& cards, std::string_view caption_html, bool wide) {
  body_ += std::string("<figure>\n<ul class=\"cards") + (wide ? " broad" : "") + "\">\n";
  for (const Card& card : cards) {
    body_ += "<li" + (card.hint_text.empty() ? "" : " title=\"" + escape(card.hint_text) + "\"") +
             ">" + card.picture_html + "<b>" + escape(card.title_text) + "</b><span>" +
             escape(card.note_text) + "</span></li>\n";
  }
  body_ += "</ul>\n" + numbered_caption(caption_html) + "</figure>\n";
}

namespace {

constexpr size_t kWidest = 5;  // columns that stand side by side on a phone

// A header's words, without its markup.
std::string words_of(std::string_view html) {
  std::string text;
  bool markup = false;
  for (const char c : html) {
    if (c == '<') {
      if (!text.empty() && text.back() != ' ') text += ' ';
      markup = true;
    } else if (c == '>') {
      markup = false;
    } else if (!markup) {
      text += c;
    }
  }
  return text;
}

}  // namespace

void Document::table(const Table& table, std::string_view caption_html,
                     std::string_view summary_text) {
  if (!summary_text.empty())
    body_ += "<details>\n<summary>" + escape(summary_text) + "</summary>\n";
  const auto numeric = [&](size_t column) {
    return !table.rows.empty() && column < table.rows[0].size() && table.rows[0][column].number;
  };
  const bool stack = table.headers.size() > kWidest;  // on a phone a row is a list
  body_ += std::string("<div class=\"scroll\"><table") + (stack ? " class=\"stack\"" : "") +
           ">\n<caption><b>Table " + std::to_string(++tables_) + ".</b> " +
           std::string(caption_html) + "</caption>\n<thead><tr>";
  for (size_t c = 0; c < table.headers.size(); ++c) {
    body_ += (numeric(c) ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">") +
             table.headers[c] + "</th>";
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    body_ += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      const Table::Cell& cell = row[c];
      const std::string classes =
          std::string(cell.number ? "n" : "") + (cell.strong ? (cell.number ? " s" : "s") : "");
      body_ += "<td";
      if (!classes.empty()) body_ += " class=\"" + classes + "\"";
      if (stack && c > 0 && c < table.headers.size())
        body_ += " data-column=\"" + words_of(table.headers[c]) + "\"";
      body_ += ">" + cell.html + "</td>";
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
  if (!summary_text.empty()) body_ += "</details>\n";
}

void Document::definitions(const std::vector<Setting>& settings, bool columns) {
  if (settings.empty()) return;
  body_ += columns ? "<dl class=\"columns\">\n" : "<dl>\n";
  for (const Setting& setting : settings) {
    body_ += std::string(columns ? "<div>" : "") + "<dt>" + escape(setting.name) + "</dt><dd>" +
             escape(setting.value) + "</dd>" + (columns ? "</div>\n" : "\n");
  }
  body_ += "</dl>\n";
}

std::string Document::finish() const {
  std::string body = body_;
  const std::string mark = "<!--contents-->";
  if (const auto at = body.find(mark); at != std::string::npos) {
    body.replace(at, mark.size(), "<nav aria-label=\"Contents\">\n" + contents_ + "</nav>");
  }
  std::string page(kHead);
  page += "<title>" + title_ + "</title>\n<style>\n" + picture_css();
  page += kPageCss;
  page += "</style>\n</head>\n<body>\n<main>\n<h1>" + title_ + "</h1>\n" + body;
  if (open_section_) page += "</section>\n";
  return page + "</main>\n</body>\n</html>\n";
}

std::string method_label(int slot, std::string_view text) {
  return "<span class=\"key " + slot_class(slot) +
         "\"><svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><path class=\"mark\" d=\"" +
         marker_path(slot, 6, 6, 4.6) + "\"/></svg>" + escape(text) + "</span>";
}

}  // namespace papilio::report
