#include "samples/report/svg/canvas.h"

#include <string>
#include <string_view>

#include "samples/report/svg/text.h"

namespace papilio::report {

Canvas::Canvas(double width, double height, std::string_view description)
    : width_(width), height_(height), description_(description) {}

void Canvas::open_group(std::string_view attributes) {
  body_ += "<g ";
  body_ += attributes;
  body_ += ">\n";
}

void Canvas::close_group() {
  body_ += "</g>\n";
}

void Canvas::line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  path("M" + at(x1, y1) + "L" + at(x2, y2), "class=\"" + std::string(css_class) + "\"");
}

void Canvas::rect(double x, double y, double width, double height, std::string_view attributes) {
  body_ += "<rect x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" +
           coordinate(width < 0 ? 0 : width) + "\" height=\"" +
           coordinate(height < 0 ? 0 : height) + "\" ";
  body_ += attributes;
  body_ += "/>\n";
}

void Canvas::image(double x, double y, double width, double height, std::string_view png,
                   bool smooth) {
  body_ += "<image x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" +
           coordinate(width) + "\" height=\"" + coordinate(height) +
           "\" preserveAspectRatio=\"none\"" + (smooth ? "" : " class=\"pixelated\"") +
           " href=\"data:image/png;base64," + base64(png) + "\"/>\n";
}

void Canvas::path(std::string_view data, std::string_view attributes, std::string_view tooltip) {
  if (data.empty()) return;
  body_ += "<path d=\"";
  body_ += data;
  body_ += "\" ";
  body_ += attributes;
  if (tooltip.empty()) {
    body_ += "/>\n";
  } else {
    body_ += "><title>" + escape(tooltip) + "</title></path>\n";
  }
}

void Canvas::text(double x, double y, std::string_view text, std::string_view anchor,
                  std::string_view css_class, bool rotate) {
  if (text.empty()) return;
  body_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\"";
  if (anchor != "start") body_ += " text-anchor=\"" + std::string(anchor) + "\"";
  if (!css_class.empty()) body_ += " class=\"" + std::string(css_class) + "\"";
  if (rotate) body_ += " transform=\"rotate(-90 " + coordinate(x) + " " + coordinate(y) + ")\"";
  body_ += ">" + escape(text) + "</text>\n";
}

std::string Canvas::finish() const {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + coordinate(width_) + " " +
         coordinate(height_) + "\" width=\"" + coordinate(width_) + "\" height=\"" +
         coordinate(height_) + "\" role=\"img\" aria-label=\"" + escape(description_) + "\">\n" +
         body_ + "</svg>\n";
}

std::string at(double x, double y) {
  return coordinate(x) + " " + coordinate(y);
}

}  // namespace papilio::report
