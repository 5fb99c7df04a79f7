#include "nn/diffusion/captioned_batches.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nn/data/loader.h"
#include "nn/train/shared_evaluation.h"
#include "tests/nn/data/files.h"
#include "tests/nn/diffusion/drawn_pictures.h"

namespace papilio::test {

namespace fs = std::filesystem;

namespace {

// A caption's length, and its first letter.
std::vector<int64_t> encode(const std::string& caption) {
  return {int64_t(caption.size()), caption.empty() ? 0 : int64_t(caption[0])};
}

nn::CaptionedData open(const fs::path& folder) {
  return nn::open_captioned_folder(folder, {.validation = 0, .test = 0}).train;
}

nn::Batch batch(const nn::Batches& source, const std::vector<int64_t>& positions,
                uint64_t seed = 1) {
  Generator generator(seed);
  return source->batch(positions, generator);
}

}  // namespace

TEST_CASE("captioned batches: pixels in [-1, 1], the middle of a wide picture, grey as RGB") {
  const TemporaryFolder folder;
  nn::Image wide{6, 2, 1, {0, 0, 51, 102, 255, 255, 0, 0, 153, 204, 255, 255}};
  write_bytes(folder / "0.png", nn::encode_png(wide));
  const auto source =
      nn::captioned_batches(nn::pictures_with_caption(folder.path(), "dog"), encode, {.size = 2});
  const nn::Batch b = batch(source, {0});
  CHECK(b.inputs.shape() == Dims{1, 3, 2, 2});
  const auto x = b.inputs.to_vector<float>();
  for (size_t c = 0; c < 3; ++c) {
    const double want[] = {-0.6, -0.2, 0.2, 0.6};
    for (size_t i = 0; i < 4; ++i) CHECK(x[c * 4 + i] == doctest::Approx(want[i]).epsilon(1e-6));
  }
  CHECK(b.more.at("input_ids").to_vector<int64_t>() == std::vector<int64_t>{3, 'd'});
  CHECK(b.more.size() == 1);
}

TEST_CASE("captioned batches: the conditioning picture is cut and mirrored with its picture") {
  const TemporaryFolder folder;
  for (const char* name : {"0.png", "c.png"})
    write_bytes(folder / name,
                nn::encode_png(
                    {5, 3, 1, {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140}}));
  write_bytes(folder / "metadata.csv", "file_name,text,conditioning_image\n0.png,x,c.png\n");
  const auto source = nn::captioned_batches(open(folder.path()), encode,
                                            {.size = 3, .random_crop = true, .hflip = 0.5});
  std::vector<std::vector<float>> seen;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const nn::Batch b = batch(source, {0}, seed);
    const auto x = b.inputs.to_vector<float>(), c = b.more.at("conditioning").to_vector<float>();
    REQUIRE(x.size() == c.size());
    for (size_t i = 0; i < x.size(); ++i) CHECK((x[i] + 1) / 2 == doctest::Approx(c[i]));
    if (std::ranges::find(seen, x) == seen.end()) seen.push_back(x);
  }
  CHECK(seen.size() == 6);  // three places, mirrored or not
}

TEST_CASE("captioned batches: class pictures beside the subject's, as many as there are more of") {
  const TemporaryFolder folder;
  write_captioned(folder / "own", 2, 4);
  write_captioned(folder / "class", 5, 4);
  const auto own = nn::pictures_with_caption(folder / "own", "a sks square"),
             others = nn::pictures_with_caption(folder / "class", "square");
  const auto source = nn::captioned_batches(own, encode, {.size = 4, .class_images = others});
  CHECK(source->size() == 5);
  const nn::Batch b = batch(source, {3, 4});
  CHECK(b.size() == 2);
  CHECK(b.more.at("class_inputs").shape() == b.inputs.shape());
  CHECK(b.more.at("input_ids").to_vector<int64_t>() == std::vector<int64_t>{12, 'a', 12, 'a'});
  CHECK(b.more.at("class_input_ids").to_vector<int64_t>() == std::vector<int64_t>{6, 's', 6, 's'});
  const nn::Batch first = batch(source, {1, 0});
  CHECK(first.inputs.to_vector<float>() == b.inputs.to_vector<float>());
  CHECK(first.more.at("class_inputs").to_vector<float>() !=
        b.more.at("class_inputs").to_vector<float>());
  CHECK(source->files(3) == std::vector<fs::path>{own->name(1), others->name(3)});
  const auto alone = nn::captioned_batches(own, encode, {.size = 4});
  CHECK(alone->files(1) == std::vector<fs::path>{own->name(1)});
  CHECK(nn::samples_of(alone, 1, 2)->files(0) == alone->files(1));
  CHECK(alone->digest() != source->digest());
}

TEST_CASE("captioned batches: captions are dropped as often as asked, the same ones again") {
  const TemporaryFolder folder;
  write_captioned(folder.path(), 8, 4);
  const auto source =
      nn::captioned_batches(open(folder.path()), encode, {.size = 4, .caption_dropout = 0.5});
  const std::vector<int64_t> all{0, 1, 2, 3, 4, 5, 6, 7};
  int64_t dropped = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto ids = batch(source, all, seed).more.at("input_ids").to_vector<int64_t>();
    CHECK(ids == batch(source, all, seed).more.at("input_ids").to_vector<int64_t>());
    dropped += std::ranges::count(ids, 0) / 2;
  }
  CHECK(dropped > 150);
  CHECK(dropped < 250);
}

TEST_CASE("captioned batches: what cannot be read fails or is left out; wrong options") {
  const TemporaryFolder folder;
  write_captioned(folder.path(), 3, 4);
  write_bytes(folder / "1.png", "no picture");
  const nn::CaptionedData data = open(folder.path());
  CHECK_THROWS_AS(batch(nn::captioned_batches(data, encode, {.size = 4}), {0, 1, 2}), FileError);
  const auto source =
      nn::captioned_batches(data, encode, {.size = 4, .on_corrupt = nn::OnCorrupt::skip});
  const nn::Batch b = batch(source, {0, 1, 2});
  CHECK(b.size() == 2);
  CHECK(b.positions == std::vector<int64_t>{0, 2});
  REQUIRE(b.skipped.size() == 1);
  CHECK(b.skipped[0].find("1.png") != std::string::npos);
  CHECK(batch(source, {1}).size() == 0);
  const auto too_long = [](const std::string&) -> std::vector<int64_t> {
    throw ArgumentError("the prompt is long");
  };
  CHECK_THROWS_WITH_AS(batch(nn::captioned_batches(data, too_long, {.size = 4}), {2}),
                       doctest::Contains("2.png: the prompt is long"), FileError);
  CHECK_THROWS_WITH_AS(nn::captioned_batches(data, encode, {.size = 0}),
                       "captioned_batches: expected a size from 1 to 16384 and probabilities, got "
                       "0, hflip 0, caption_dropout 0",
                       ArgumentError);
}

}  // namespace papilio::test
