#include "nn/data/survey.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <string>

#include "nn/data/sources/image_folder.h"
#include "tensor/error.h"
#include "tests/nn/data/files.h"
#include "tests/no_more_threads.h"
#include "tests/temporary_folder.h"

namespace papilio::test {

TEST_CASE("survey: sizes, colours and corrupt pictures, in order whatever the number of threads") {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "a");
  for (int i = 0; i < 9; ++i)
    write_bytes(folder / "a" / (std::to_string(i) + ".png"), plain_png(i + 1, 5, 1, 2, 3));
  nn::Image grey{100, 1, 1, nn::Pixels(100, 7)};
  write_bytes(folder / "a/9.png", nn::encode_png(grey));
  for (const char* name : {"2.png", "7.png"})
    write_bytes(folder / "a" / name, read_bytes(folder / "a" / name).substr(0, 40));
  const nn::ImageData data = nn::image_folder(folder.path());
  for (int64_t threads : {1, 3, 20}) {
    int64_t last = 0;
    const nn::ImageSurvey survey = nn::survey(*data, threads, [&](int64_t done) {
      CHECK(done >= last);
      last = done;
      return true;
    });
    CHECK(survey.readable == 8);
    CHECK(survey.grey == 1);
    CHECK(survey.width.least == 1);
    CHECK(survey.width.median == 6);  // 1 2 4 5 6 7 9 100
    CHECK(survey.width.most == 100);
    CHECK(survey.height.least == 1);
    CHECK(survey.height.median == 5);
    REQUIRE(survey.corrupt.size() == 2);
    CHECK(survey.corrupt[0].position == 2);
    CHECK(survey.corrupt[1].message.starts_with((folder / "a/7.png").string() + ": "));
  }
  CHECK_THROWS_AS(nn::survey(*data, 0), ArgumentError);
}

TEST_CASE("survey: fewer threads than asked do the work, none at all is an error") {
  struct Greedy : nn::ImageDataset {
    Greedy() : nn::ImageDataset({"a"}) {}
    int64_t size() const override { return 3000; }
    nn::Image sample(int64_t i) const override {
      if (i == 0) none = std::make_unique<NoMoreThreads>();
      if (i == 7) throw std::bad_alloc();
      return {1, 1, 1, {9}};
    }
    int64_t label(int64_t) const override { return 0; }
    std::string own_name(int64_t i) const override { return str("picture ", i); }
    mutable std::unique_ptr<NoMoreThreads> none;
  } const data;
  const nn::ImageSurvey survey = nn::survey(data, 3000);
  CHECK(survey.readable == 2999);
  REQUIRE(survey.corrupt.size() == 1);
  CHECK(survey.corrupt[0].message == "picture 7: there is not enough memory for the picture");
  CHECK_THROWS_WITH_AS(nn::survey(data, 2),
                       "survey: the system starts no thread: Resource temporarily unavailable",
                       Error);
}

}  // namespace papilio::test
