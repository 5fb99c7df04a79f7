// Which rooms a file may not look into, beyond the order of the layers.
#pragma once

#include <string_view>
#include <vector>

namespace papilio::test {

struct RoomRule {
  std::string_view room;                 // files whose path begins so
  std::vector<std::string_view> closed;  // include nothing whose path begins so
  std::string_view why;
  std::vector<std::string_view> open = {};  // but for these
};

// Rooms of many folders alike, which need no rule each.
inline const std::vector<std::string_view> rooms_of_many = {"samples/lessons/", "samples/kernels/"};

inline const std::vector<RoomRule> room_rules = {
    // Kernels are called by the functions that kernels/<op>.h declares.
    {"kernels/cpu/", {"kernels/cuda/"}, "what both backends share is in kernels/"},
    {"kernels/cuda/", {"kernels/cpu/"}, "what both backends share is in kernels/"},
    {"tensor/", {"kernels/cpu/", "kernels/cuda/"}, "a backend is behind kernels/<op>.h"},
    {"autograd/ops/", {"tensor/files/"}, "an operation reads no files"},
    {"autograd/", {"kernels/cpu/", "kernels/cuda/"}, "a backend is behind kernels/<op>.h"},
    {"nn/", {"kernels/cpu/", "kernels/cuda/"}, "a backend is behind kernels/<op>.h"},
    {"boft/", {"kernels/cpu/", "kernels/cuda/"}, "a backend is behind kernels/<op>.h"},
    {"samples/papilio/", {"kernels/cpu/", "kernels/cuda/"}, "a backend is behind kernels/<op>.h"},
    // Layers make models; data and training know neither.
    {"nn/layers/",
     {"nn/models/", "nn/text/", "nn/diffusion/", "nn/optim/", "nn/parallel/", "nn/train/",
      "nn/data/"},
     "layers are what everything else is made of"},
    {"nn/models/",
     {"nn/text/", "nn/diffusion/", "nn/optim/", "nn/parallel/", "nn/train/", "nn/data/"},
     "a model does not know who trains it"},
    {"nn/text/",
     {"nn/diffusion/", "nn/optim/", "nn/parallel/", "nn/train/", "nn/data/"},
     "text does not know who learns from it"},
    {"nn/diffusion/",
     {"nn/optim/", "nn/parallel/", "nn/train/"},
     "a pipeline does not know who trains it"},
    {"nn/parallel/",
     {"nn/layers/", "nn/models/", "nn/text/", "nn/diffusion/", "nn/optim/", "nn/train/"},
     "ranks share batches and gradients, whatever learns"},
    {"nn/train/", {"nn/diffusion/"}, "training takes any model and any loss"},
    {"nn/optim/",
     {"nn/layers/", "nn/models/", "nn/text/", "nn/diffusion/", "nn/train/", "nn/data/"},
     "an optimiser knows parameters only"},
    {"nn/data/",
     {"nn/layers/", "nn/models/", "nn/diffusion/", "nn/optim/", "nn/train/"},
     "data does not know who learns from it"},
    {"nn/data/formats/",
     {"nn/data/sources/", "nn/data/transforms/"},
     "a format does not know who reads it"},
    {"nn/data/sources/",
     {"nn/data/transforms/", "nn/text/"},
     "a source reads what there is, and changes none of it",
     {"nn/data/transforms/image_processor.h", "nn/text/tokenizer.h", "nn/text/utf8.h"}},
    {"nn/data/transforms/", {"nn/data/sources/"}, "a transform takes any picture"},
    // A method is mathematics and a layer; files and models come on top.
    {"boft/", {"nn/data/", "nn/optim/", "nn/train/"}, "adapters do not know who trains them"},
    {"boft/ops/",
     {"nn/", "boft/methods/", "boft/model/", "boft/files/", "boft/geometry/"},
     "an operation is made as a user would make one"},
    {"boft/methods/",
     {"nn/models/", "boft/model/", "boft/files/", "boft/geometry/"},
     "a method fits any model and any folder",
     {"nn/models/detail/transformers_names.h"}},  // rank_pattern names modules as either release
                                                  // does
    {"boft/model/", {"boft/files/", "boft/geometry/"}, "attaching needs no files"},
    {"boft/files/", {"boft/geometry/"}, "a folder does not know what is measured of it"},
    {"boft/geometry/",
     {"nn/", "boft/methods/", "boft/model/", "boft/files/"},
     "geometry is of matrices, wherever they come from"},
    {"tensor/files/", {"kernels/"}, "files hold bytes; what computes is behind tensor/"},
    // Samples.
    {"samples/lessons/",
     {"samples/"},
     "a lesson is what a user of the library could write",
     {"samples/lessons/"}},
    {"samples/course/",
     {"samples/"},
     "an exercise is what a user of the library could write",
     {"samples/course/"}},
    {"samples/python/src/",
     {"samples/", "kernels/cpu/", "kernels/cuda/"},
     "the module is made of the library, and draws as the reports do",
     {"samples/python/src/", "samples/report/svg/"}},
    {"samples/kernels/",
     {"samples/papilio/", "samples/report/", "boft/", "nn/"},
     "the study of kernels is about kernels"},
    {"samples/report/",
     {"boft/", "nn/", "autograd/", "tensor/", "kernels/"},
     "a report is drawn from numbers and words alone",
     {"tensor/text.h"}},  // which is words alone
    {"samples/report/pages/",
     {"samples/"},
     "a page does not know who shows it",
     {"samples/report/"}},
    {"samples/report/svg/",
     {"samples/"},
     "a picture does not know its page",
     {"samples/report/svg/"}},
    {"samples/papilio/",
     {"samples/"},
     "the program stands on the library and the reports",
     {"samples/papilio/", "samples/report/"}},
    {"samples/papilio/commands/",
     {"samples/papilio/commands/"},
     "what commands share is in the rooms below",
     {"samples/papilio/commands/commands.h"}},
};

// The rooms of samples/papilio/, from below: each knows those in the rows before its own.
inline const std::vector<std::vector<std::string_view>> command_rooms = {
    {"options"}, {"data", "output"}, {"report"},
    {"run"},     {"models"},         {"images", "text", "diffusion"},
    {"inspect"}, {"demo"},           {"commands"},
};

}  // namespace papilio::test
