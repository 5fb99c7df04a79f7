#include "samples/cli/contact_sheet.h"

#include <algorithm>

#include "nn/data/transforms/resize.h"
#include "samples/cli/report/html.h"
#include "samples/cli/report/text.h"
#include "tensor/error.h"

namespace papilio::cli {

namespace {

constexpr int64_t kSide = 96, kStep = kSide + 8;

// At most kSide pixels a side. Small pictures keep their pixels: the page enlarges them.
nn::Image thumbnail(const nn::Image& image) {
  const int64_t longer = std::max(image.width, image.height);
  if (longer <= kSide) return image;
  const auto side = [&](int64_t n) { return std::max<int64_t>(n * kSide / longer, 1); };
  return nn::resize(image, side(image.height), side(image.width), nn::Interpolation::bilinear);
}

// One picture at its place in the row, its file's name as a hint.
std::string tag(const nn::Image& image, const std::string& name, int64_t place) {
  return str("<image x=\"", place * kStep, "\" y=\"0\" width=\"", kSide, "\" height=\"", kSide,
             "\" style=\"image-rendering:", image.width < 40 ? "pixelated" : "auto",
             "\" href=\"data:image/png;base64,", base64(nn::encode_png(thumbnail(image))),
             "\"><title>", report::escape(name), "</title></image>");
}

// The first pictures of each class, as positions.
std::vector<std::vector<int64_t>> candidates(const nn::ImageDataset& data) {
  std::vector<std::vector<int64_t>> positions(data.class_names().size());
  for (int64_t i = 0; i < data.size(); ++i) positions[size_t(data.label(i))].push_back(i);
  return positions;
}

}  // namespace

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
  }
  return text;
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
        images += tag(data.image(positions[c][k]), data.name(positions[c][k]), shown);
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
