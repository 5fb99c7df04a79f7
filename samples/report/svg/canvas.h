// Elements of SVG, collected into one picture.
#pragma once

#include <string>
#include <string_view>

namespace papilio::report {

// Collects SVG elements. Coordinates are user units with y downwards; whatever is passed as text is
// escaped here, `attributes` is markup written by this folder's own code.
class Canvas {
 public:
  Canvas(double width, double height, std::string_view description);

  void open_group(std::string_view attributes);
  void close_group();
  void line(double x1, double y1, double x2, double y2, std::string_view css_class);
  void rect(double x, double y, double width, double height, std::string_view attributes);
  // A PNG file's bytes, stretched; `smooth`: not as squares.
  void image(double x, double y, double width, double height, std::string_view png, bool smooth);
  void path(std::string_view data, std::string_view attributes, std::string_view tooltip = {});
  // anchor: start, middle or end; y is the baseline. rotate turns anticlockwise by 90 degrees.
  void text(double x, double y, std::string_view text, std::string_view anchor = "start",
            std::string_view css_class = {}, bool rotate = false);

  std::string finish() const;  // <svg ...>...</svg>

 private:
  double width_;
  double height_;
  std::string description_;
  std::string body_;
};

// "x,y" of path data.
std::string at(double x, double y);

}  // namespace papilio::report
