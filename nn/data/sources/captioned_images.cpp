#include "nn/data/sources/captioned_images.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "nn/data/detail/file_errors.h"
#include "nn/data/sources/detail/folder_files.h"
#include "nn/data/sources/detail/metadata_rows.h"
#include "nn/data/sources/detail/part_names.h"
#include "nn/text/utf8.h"
#include "tensor/error.h"

namespace papilio::nn {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCaptions[] = {"text", "caption", "prompt"};
constexpr const char* kConditioning[] = {"conditioning_image_file_name", "conditioning_image"};

struct NamedImage {
  std::vector<fs::path> files;  // the picture, and the one that conditions it
  CaptionedImage image;
};

class Captioned : public Dataset<CaptionedImage> {
 public:
  explicit Captioned(std::vector<NamedImage> images)
      : Dataset({"picture"}), images_(std::move(images)) {}

  int64_t size() const override { return int64_t(images_.size()); }
  int64_t label(int64_t) const override { return 0; }
  std::string own_name(int64_t i) const override { return images_[size_t(i)].files[0].string(); }
  std::vector<fs::path> files(int64_t i) const override { return images_[size_t(i)].files; }
  CaptionedImage sample(int64_t i) const override { return images_[size_t(i)].image; }

 private:
  std::vector<NamedImage> images_;
};

std::function<Image()> reader(const fs::path& path) {
  return [path] { return read_image(path); };
}

CaptionedData part_of(std::vector<NamedImage> images) {
  return images.empty() ? nullptr : std::make_shared<Captioned>(std::move(images));
}

}  // namespace

bool is_captioned_folder(const fs::path& folder) {
  return has_metadata(folder, kCaptions);
}

CaptionedSplits open_captioned_folder(const fs::path& folder, const HoldOut& shares) {
  return with_file_errors(folder, [&] {
    std::vector<NamedImage> train, validation, test;
    const char* conditioning = nullptr;
    bool first = true;
    for (const MetadataRow& row : metadata_rows(folder)) {
      const fs::path path = row.file(kFileName);
      const char* caption = row.first_of(kCaptions);
      check<FileError>(caption != nullptr && row.values.at(caption).has_value(), row.where,
                       ": has no text (or caption, prompt)");
      check_utf8(row.value(caption), str(row.where, ": ", caption));
      if (first) conditioning = row.first_of(kConditioning);
      first = false;
      check<FileError>((row.first_of(kConditioning) == nullptr) == (conditioning == nullptr),
                       row.where, ": ", conditioning == nullptr ? "has" : "lacks",
                       " a conditioning picture, unlike the lines before");
      NamedImage named{{path}, {row.value(caption), reader(path)}};
      if (conditioning != nullptr) {
        named.files.push_back(row.file(conditioning));
        named.image.read_conditioning = reader(named.files.back());
      }
      std::vector<NamedImage>& to = row.part == Part::test         ? test
                                    : row.part == Part::validation ? validation
                                                                   : train;
      to.push_back(std::move(named));
    }
    check<FileError>(!train.empty(), folder.string(), ": holds no picture with a caption");
    return hold_out_rest<CaptionedImage>({"captions", part_of(std::move(train)),
                                          part_of(std::move(validation)), part_of(std::move(test))},
                                         shares);
  });
}

bool has_conditioning(const CaptionedData& data) {
  return data->size() > 0 && data->sample(0).read_conditioning != nullptr;
}

CaptionedData pictures_with_caption(const fs::path& folder, const std::string& caption) {
  check<FileError>(fs::is_directory(folder), folder.string(), ": there is no such folder");
  std::vector<NamedImage> images;
  for (const fs::path& path :
       with_file_errors(folder, [&] { return files_below(folder); }).pictures)
    images.push_back({{path}, {caption, reader(path)}});
  check<FileError>(!images.empty(), folder.string(), ": holds no picture (.jpg, .jpeg or .png)");
  return part_of(std::move(images));
}

}  // namespace papilio::nn
