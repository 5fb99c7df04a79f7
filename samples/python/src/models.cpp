// Image classifiers: from a folder of Hugging Face's and back, called, named, copied.
#include "samples/python/src/models.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/backward.h"
#include "nn/models/pretrained.h"
#include "nn/models/vit.h"
#include "nn/module.h"
#include "nn/summary.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/interchange.h"
#include "tensor/device_named.h"
#include "tensor/error.h"

namespace papilio::python {

namespace {

Classifier held(nn::PretrainedClassifier loaded) {
  return {std::move(loaded.model), std::move(loaded.class_names), std::move(loaded.warnings)};
}

Classifier new_vit(int64_t image_size, int64_t patch_size, int64_t num_channels,
                   int64_t hidden_size, int64_t layers, int64_t heads, int64_t intermediate_size,
                   const std::vector<std::string>& class_names, double initializer_range) {
  const nn::ViTConfig config{.image_size = image_size,
                             .patch_size = patch_size,
                             .num_channels = num_channels,
                             .hidden_size = hidden_size,
                             .num_hidden_layers = layers,
                             .num_attention_heads = heads,
                             .intermediate_size = intermediate_size,
                             .num_labels = int64_t(class_names.size()),
                             .initializer_range = initializer_range};
  return {std::make_unique<nn::ViTForImageClassification>(config), class_names, {}};
}

nb::dict shape_of(const Classifier& c) {
  const nn::ImageClassifier::Shape s = c.model->shape();
  nb::dict d;
  d["model_type"] = s.model_type;
  d["image_size"] = s.image_size;
  d["num_channels"] = s.num_channels;
  d["patch_size"] = s.patch_size;
  d["hidden_size"] = s.hidden_size;
  d["num_hidden_layers"] = s.num_hidden_layers;
  d["num_attention_heads"] = s.num_attention_heads;
  d["intermediate_size"] = s.intermediate_size;
  d["num_labels"] = s.num_labels;
  return d;
}

// Values by name, of anything that asarray takes.
nb::object load(Classifier& c, const nb::dict& state, bool strict) {
  nn::StateDict values;
  for (const auto& [name, array] : state)
    values[nb::cast<std::string>(name)] = nb::isinstance<Tensor>(array)
                                              ? nb::cast<const Tensor&>(array).detach()
                                              : import_array(array, std::nullopt);
  const nn::LoadResult result = [&] {
    const nb::gil_scoped_release unlocked;
    return nn::load_state_dict(*c.model, values, strict);
  }();
  nb::dict d;
  d["missing"] = nb::cast(result.missing);
  d["unexpected"] = nb::cast(result.unexpected);
  return d;
}

std::map<std::string, Tensor> parameters(Classifier& c) {
  std::map<std::string, Tensor> all;
  for (const nn::NamedTensor& p : nn::distinct_parameters(*c.model)) all[p.name] = *p.tensor;
  return all;
}

// Is `name` the parameter `module`, or one inside the module `module`? layer.1 has layer.1.bias,
// not layer.10.bias.
bool is_in(const std::string& name, const std::string& module) {
  if (module.empty()) return true;
  return name.starts_with(module) &&
         (name.size() == module.size() || module.back() == '.' || name[module.size()] == '.');
}

void set_trainable(Classifier& c, bool on, const std::string& name) {
  bool found = false;
  for (const nn::NamedTensor& p : nn::distinct_parameters(*c.model)) {
    if (!is_in(p.name, name)) continue;
    set_requires_grad(*p.tensor, on);
    found = true;
  }
  check(found, "set_trainable: no parameter and no module has the name \"", name, "\"");
}

nb::object to_device(nb::handle self, const std::string& device) {
  nn::Module& model = *nb::cast<Classifier&>(self).model;
  {
    const nb::gil_scoped_release unlocked;
    nn::to(model, device_named("to", device));
  }
  return nb::borrow(self);
}

void set_classes(Classifier& c, const std::vector<std::string>& class_names) {
  check(!class_names.empty(), "reset_classifier: expected names of classes");
  c.model->reset_classifier(int64_t(class_names.size()));
  c.class_names = class_names;
}

// Mode, place, and parameters.
void bind_state(nb::class_<Classifier>& model) {
  model
      .def_prop_ro(
          "training", [](const Classifier& c) { return c.model->training; }, "Does dropout act?")
      .def_prop_ro(
          "device", [](Classifier& c) { return str(nn::device_of(*c.model)); },
          "\"cpu\" or \"cuda:0\".")
      .def("to", to_device, nb::arg("device"),
           nb::sig("def to(self, device: str) -> ImageClassifier"),
           "Moves it to \"cpu\" or \"cuda:0\", where fit's batches follow it. Optimisers are made\n"
           "afterwards.")
      .def(
          "train",
          [](nb::handle self, bool on) {
            nn::train(*nb::cast<Classifier&>(self).model, on);
            return nb::borrow(self);
          },
          nb::arg("on") = true, nb::sig("def train(self, on: bool = True) -> ImageClassifier"),
          "Training mode, in which dropout acts; returns itself.")
      .def(
          "eval",
          [](nb::handle self) {
            nn::eval(*nb::cast<Classifier&>(self).model);
            return nb::borrow(self);
          },
          nb::sig("def eval(self) -> ImageClassifier"), "Evaluation mode; returns itself.")
      .def("parameters", parameters, "Every parameter by name; writing to one changes the model.")
      .def(
          "set_trainable", set_trainable, nb::arg("on"), nb::arg("name") = "",
          "Makes parameters collect a gradient, or freezes them: all, or the parameter or those of "
          "the module of this name.")
      .def(
          "state_dict", [](Classifier& c) { return nn::state_dict(*c.model); },
          "Parameters and buffers by name, on the model's memory.")
      .def(
          "load_state_dict", load, nb::arg("state"), nb::arg("strict") = true,
          nb::sig("def load_state_dict(self, state: dict[str, typing.Any], strict: bool = True) -> "
                  "dict[str, list[str]]"),
          "Copies values of tensors or arrays in; nothing is written unless all fits.");
}

}  // namespace

void bind_models(nb::module_& m) {
  nb::class_<Classifier> model(
      m, "ImageClassifier", "A backbone and its head: images (B, C, H, W) to logits (B, classes).");
  model
      .def(
          "__call__", [](Classifier& c, const Tensor& images) { return (*c.model)(images); },
          nb::arg("images"), Unlocked(), "Logits (B, classes) of images (B, C, H, W).")
      .def(
          "features", [](Classifier& c, const Tensor& images) { return c.model->features(images); },
          nb::arg("images"), Unlocked(), "What the head sees: (B, inputs).")
      .def(
          "attention_probabilities",
          [](Classifier& c, const Tensor& images) {
            return c.model->attention_probabilities(images);
          },
          nb::arg("images"), Unlocked(), "Of each layer: (B, heads, T, T).")
      .def_prop_ro("shape", shape_of, nb::sig("def shape(self) -> dict[str, int | str]"),
                   "Sizes, in the words of config.json.")
      .def_prop_ro(
          "class_names", [](const Classifier& c) { return c.class_names; },
          "Of the head's outputs; empty if the folder does not say them.")
      .def_prop_ro(
          "warnings", [](const Classifier& c) { return c.warnings; }, "What loading had to say.")
      .def("reset_classifier", set_classes, nb::arg("class_names"), "A new head for these classes.")
      .def(
          "set_image_size", [](Classifier& c, int64_t size) { c.model->set_image_size(size); },
          nb::arg("image_size"), "A model of images of another size.")
      .def(
          "save_pretrained",
          [](Classifier& c, const std::filesystem::path& folder) {
            nn::save_pretrained(*c.model, c.class_names, folder);
          },
          nb::arg("folder"), Unlocked(),
          "config.json and model.safetensors, as Transformers reads them.")
      .def("__repr__", [](Classifier& c) { return c.model->describe(); });
  bind_state(model);
  m.def(
      "from_pretrained",
      [](const std::filesystem::path& folder) { return held(nn::from_pretrained(folder)); },
      nb::arg("folder"), Unlocked(),
      "The classifier in a folder of Hugging Face's: ViT, DeiT, DINOv2, DINOv3, timm's.");
  m.def(
      "from_config", [](const std::filesystem::path& file) { return held(nn::from_config(file)); },
      nb::arg("config_json"), Unlocked(),
      "The classifier that a config.json describes, with random weights.");
  m.def("vit", new_vit, nb::kw_only(), nb::arg("image_size"), nb::arg("patch_size"),
        nb::arg("num_channels") = 3, nb::arg("hidden_size"), nb::arg("num_hidden_layers"),
        nb::arg("num_attention_heads"), nb::arg("intermediate_size"), nb::arg("class_names"),
        nb::arg("initializer_range") = 0.02, Unlocked(), "A new ViT, with random weights.");
}

}  // namespace papilio::python
