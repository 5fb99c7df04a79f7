#pragma once

#include <string>
#include <string_view>
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

// Builds one self-contained page: style sheet inside, no script, nothing loaded from elsewhere (a
// content security policy forbids it). Arguments named `html` are markup, `text` is escaped.
class Document {
 public:
  explicit Document(std::string_view title_text);

  void lead(std::string_view html);  // summary under the title
  void figures_of_merit(const std::vector<std::pair<std::string, std::string>>& value_and_text);
  void section(std::string_view id, std::string_view title_text);
  void paragraph(std::string_view html);
  // Pictures side by side where the page is wide enough, numbered, with a caption.
  void figure(const std::vector<std::string>& svgs, std::string_view caption_html);
  void table(const Table& table, std::string_view caption_html);
  void definitions(const std::vector<std::pair<std::string, std::string>>& name_and_value_text);

  std::string finish() const;

 private:
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
