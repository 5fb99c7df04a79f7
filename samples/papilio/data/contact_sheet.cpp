#include "samples/papilio/data/contact_sheet.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/data/formats/image.h"
#include "nn/data/transforms/resize.h"
#include "samples/report/pages/html.h"
#include "samples/report/svg/text.h"
#include "tensor/error.h"

namespace papilio::cli {

namespace {

constexpr int64_t kSide = 96, kStep = kSide + 8;

// One picture at its place in the row, its file's name as a hint.
std::string tag(const nn::Image& image, const std::string& name, int64_t place) {
  return str("<image x=\"", place * kStep, "\" y=\"0\" width=\"", kSide, "\" height=\"", kSide,
             "\" style=\"image-rendering:", image.width < 40 ? "pixelated" : "auto",
             "\" href=\"data:image/png;base64,",
             report::base64(nn::encode_png(thumbnail(image, kSide))), "\"><title>",
             report::escape(name), "</title></image>");
}

// The first pictures of each class, as positions.
std::vector<std::vector<int64_t>> candidates(const nn::ImageDataset& data) {
  std::vector<std::vector<int64_t>> positions(data.class_names().size());
  for (int64_t i = 0; i < data.size(); ++i) positions[size_t(data.label(i))].push_back(i);
  return positions;
}

}  // namespace

nn::Image thumbnail(const nn::Image& image, int64_t side) {
  const int64_t longer = std::max(image.width, image.height);
  if (longer <= side) return image;
  const auto scaled = [&](int64_t n) { return std::max<int64_t>(n * side / longer, 1); };
  return nn::resize(image, scaled(image.height), scaled(image.width), nn::Interpolation::bilinear);
}

std::string contact_sheet(const std::string& title, const nn::ImageDataset& data,
                          int64_t per_class) {
  report::Document page(title);
  const std::vector<std::vector<int64_t>> positions = candidates(data);
  page.lead(str(report::grouped(data.size()), " images of ", positions.size(),
                " classes; the first ", per_class, " of each."));
  for (size_t c = 0; c < positions.size(); ++c) {
    std::string images;
    int64_t shown = 0;
    for (size_t k = 0; k < positions[c].size() && shown < per_class; ++k) {
      try {
        images += tag(data.sample(positions[c][k]), data.name(positions[c][k]), shown);
        ++shown;
      } catch (const FileError&) {  // the survey names it
      }
    }
    const int64_t width = std::max<int64_t>(shown, 1) * kStep;
    page.figure(
        {str("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", width, "\" height=\"", kSide,
             "\" viewBox=\"0 0 ", width, ' ', kSide, "\" role=\"img\">", images, "</svg>")},
        str("<b>", report::escape(data.class_names()[c]), "</b>, ",
            report::grouped(int64_t(positions[c].size())), " images"));
  }
  return page.finish();
}

}  // namespace papilio::cli
