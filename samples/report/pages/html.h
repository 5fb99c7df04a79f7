// One self-contained page: headings, tables, cards, pictures.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace papilio::report {

struct Table {
  struct Cell {
    std::string html;
    bool number = false;  // right-aligned, figures of equal width
    bool strong = false;
  };
  std::vector<std::string> headers;  // html
  std::vector<std::vector<Cell>> rows;
};

// A picture with words under it.
struct Card {
  std::string picture_html;
  std::string title_text;
  std::string note_text;
  std::string hint_text;  // shown while the mouse rests on the card
};

struct Setting {
  std::string name = {}, value = {};
};

// Builds one self-contained page: style sheet inside, no script, nothing loaded from elsewhere (a
// content security policy forbids it). Arguments named `html` are markup, `text` is escaped.
class Document {
 public:
  explicit Document(std::string_view title_text);

  void lead(std::string_view html);  // summary under the title
  void figures_of_merit(const std::vector<std::pair<std::string, std::string>>& value_and_text);
  void section(std::string_view id, std::string_view title_text);
  void paragraph(std::string_view html);
  void note(std::string_view html);  // a paragraph that stands out
  void code_block(std::string_view text);
  // Pictures side by side if the page is wide enough, numbered, with a caption.
  void figure(const std::vector<std::string>& svgs, std::string_view caption_html);
  // Many pictures, as many in a row as the page is wide, numbered as one figure. `wide`: each takes
  // a third of a row, not an eighth.
  void cards(const std::vector<Card>& cards, std::string_view caption_html, bool wide = false);
  // A table with a `summary` shows that alone until it is opened.
  void table(const Table& table, std::string_view caption_html, std::string_view summary_text = {});
  // `columns`: in as many columns as the page is wide.
  void definitions(const std::vector<Setting>& settings, bool columns = false);

  std::string finish() const;

 private:
  std::string numbered_caption(std::string_view html);

  std::string title_;
  std::string contents_;
  std::string body_;
  int figures_ = 0;
  int tables_ = 0;
  bool open_section_ = false;
};

// A method's colour and marker beside its name, for tables and text.
std::string method_label(int slot, std::string_view text);

}  // namespace papilio::report
