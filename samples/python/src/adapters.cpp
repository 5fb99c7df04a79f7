// Adapters on a model, with PEFT's words and files.
#include <nanobind/nanobind.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "boft/files/adapter_folder.h"
#include "boft/files/checkpoint.h"
#include "boft/files/config_json.h"
#include "boft/methods/methods.h"
#include "boft/model/model.h"
#include "boft/model/status.h"
#include "nn/models/detail/without_adapters.h"
#include "nn/module.h"
#include "samples/python/src/bindings.h"
#include "samples/python/src/models.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace papilio::python {

namespace {

using Names = std::vector<std::string>;

// AdapterConfig is a variant, which would become the Python value inside it.
struct Config {
  boft::AdapterConfig config;
};

std::pair<Config, Names> config_of(const std::string& json) {
  boft::LoadedConfig loaded = boft::parse_config(json, "config");
  return {Config{std::move(loaded.config)}, std::move(loaded.warnings)};
}

// While Python is inside `with model.disable()`.
struct DisabledScope {
  boft::AdapterModel* model;
  std::unique_ptr<boft::AdapterModel::Disabled> scope = nullptr;
};

// What a copy is made of besides the adapters' folders: the model without them, and how much each
// does. Under Python's lock, so that no other thread sees the adapters switched off.
void save_base(Adapters& a, const std::filesystem::path& folder) {
  const auto disabled = a.model->disable();
  nn::save_without_adapters(*a.classifier->model, a.classifier->class_names, folder);
}

double strength_of(const Adapters& a, const std::string& name) {
  return a.model->layers(name).front().adapter->strength;
}

// load, after which the random numbers are those from before: a copy draws none.
void load_copy(Adapters& a, const std::filesystem::path& folder, const std::string& name) {
  const GeneratorState before = default_generator().state();
  boft::load_adapter(*a.model, folder, name);
  default_generator().set_state(before);
}

void merge(Adapters& a, bool safe, const Names& names) {
  check(!a.model->names().empty(), "merge: the model holds no adapter");
  a.model->merge(safe, names);
}

void merge_and_unload(Adapters& a, bool safe, const Names& names) {
  check(!a.model->names().empty(), "merge_and_unload: the model holds no adapter");
  a.model->merge_and_unload(safe, names);
}

void bind_scope(nb::module_& m) {
  nb::class_<DisabledScope>(m, "_DisabledScope")
      .def("__enter__",
           [](DisabledScope& d) {
             d.scope = std::make_unique<boft::AdapterModel::Disabled>(*d.model);
           })
      .def("__exit__", [](DisabledScope& d, const nb::args&) { d.scope.reset(); });
}

void bind_life(nb::class_<Adapters>& a) {
  a.def(
       "add_adapter",
       [](Adapters& a, const std::string& name, const Config& c) {
         return a.model->add_adapter(name, c.config);
       },
       nb::arg("name"), nb::arg("config"), Unlocked(),
       "Attaches one without activating it, but for the first; returns warnings.")
      .def(
          "set_adapter",
          [](Adapters& a, const std::variant<std::string, Names>& names) {
            const auto* one = std::get_if<std::string>(&names);
            a.model->set_adapter(one != nullptr ? Names{*one} : std::get<Names>(names));
          },
          nb::arg("names"), "Makes exactly these (a name, or several) active and trainable.")
      .def(
          "delete_adapter",
          [](Adapters& a, const std::string& name) { return a.model->delete_adapter(name); },
          nb::arg("name"), "Removes it.")
      .def("merge", merge, nb::arg("safe_merge") = false, nb::arg("adapter_names") = Names(),
           Unlocked(), "Writes adapters (the active ones) into the weights.")
      .def(
          "unmerge", [](Adapters& a) { a.model->unmerge(); }, Unlocked(),
          "The weights from before merging, bit for bit.")
      .def("merge_and_unload", merge_and_unload, nb::arg("safe_merge") = false,
           nb::arg("adapter_names") = Names(), Unlocked(),
           "Merges, then takes every adapter off the model.")
      .def(
          "unload", [](Adapters& a) { a.model->unload(); },
          "Takes every adapter off and leaves the original model.")
      .def(
          "set_strength",
          [](Adapters& a, const std::string& name, double s) { a.model->set_strength(name, s); },
          nb::arg("name"), nb::arg("strength"), "The adapter does that times as much.")
      .def(
          "disable", [](Adapters& a) { return DisabledScope{a.model.get()}; },
          nb::keep_alive<0, 1>(),
          nb::sig("def disable(self) -> contextlib.AbstractContextManager[None]"),
          "For `with`: inside, the original model computes.");
}

void bind_files(nb::class_<Adapters>& a) {
  a.def(
       "save",
       [](const Adapters& a, const std::filesystem::path& folder, const std::string& name) {
         return boft::save_adapter(*a.model, folder, name).string();
       },
       nb::arg("folder"), nb::arg("name") = "default", Unlocked(),
       "PEFT's folder of one adapter; returns the folder written.")
      .def(
          "load",
          [](Adapters& a, const std::filesystem::path& folder, const std::string& name) {
            return boft::load_adapter(*a.model, folder, name);
          },
          nb::arg("folder"), nb::arg("name") = "default", Unlocked(),
          "Adds the adapter in a folder of PEFT's; returns warnings.")
      // What samples/python/papilio/_pickles.py makes copies by.
      .def("_save_base", save_base, nb::arg("folder"))
      .def("_load_copy", load_copy, nb::arg("folder"), nb::arg("name"), Unlocked())
      .def("_strength", strength_of, nb::arg("name"));
}

}  // namespace

void bind_adapters(nb::module_& m) {
  nb::class_<Config>(m, "AdapterConfig", "A method's fields, by PEFT's names.")
      .def_prop_ro(
          "label", [](const Config& c) { return boft::label(c.config); },
          "Method and sizes in a few words.")
      .def_prop_ro(
          "peft_type", [](const Config& c) { return boft::peft_type(c.config); },
          "PEFT's name of the method.")
      .def(
          "to_json", [](const Config& c) { return boft::config_text(c.config); },
          "The text of its adapter_config.json.")
      .def("__repr__", [](const Config& c) { return boft::label(c.config); });
  m.def("_adapter_config", config_of, nb::arg("json"),
        "Of the text of an adapter_config.json, with warnings: unknown keys.");
  bind_scope(m);
  nb::class_<Adapters> a(m, "AdapterModel",
                         "Freezes a model, and manages adapters on it by name, as PeftModel does.");
  a.def(
       "__init__",
       [](Adapters* self, Classifier& c) {
         new (self) Adapters{&c, std::make_unique<boft::AdapterModel>(*c.model)};
       },
       nb::arg("model"), nb::keep_alive<1, 2>())
      .def(
          "__call__", [](Adapters& a, const Tensor& x) { return (*a.classifier->model)(x); },
          nb::arg("images"), Unlocked(), "The model with its active adapters: logits (B, classes).")
      .def(
          "train",
          [](nb::handle self, bool on) {
            nn::train(*nb::cast<Adapters&>(self).classifier->model, on);
            return nb::borrow(self);
          },
          nb::arg("on") = true, nb::sig("def train(self, on: bool = True) -> AdapterModel"),
          "Training mode, in which dropout acts; returns itself.")
      .def(
          "eval",
          [](nb::handle self) {
            nn::eval(*nb::cast<Adapters&>(self).classifier->model);
            return nb::borrow(self);
          },
          nb::sig("def eval(self) -> AdapterModel"), "Evaluation mode; returns itself.")
      .def_prop_ro(
          "model", [](Adapters& a) { return a.classifier; }, nb::rv_policy::reference,
          "The model itself.")
      .def_prop_ro(
          "names", [](const Adapters& a) { return a.model->names(); }, "All adapters.")
      .def_prop_ro(
          "active", [](const Adapters& a) { return a.model->active(); }, "Those that act.")
      .def_prop_ro(
          "merged", [](const Adapters& a) { return a.model->merged(); }, "Those in the weights.")
      .def(
          "config",
          [](const Adapters& a, const std::string& n) { return Config{a.model->config(n)}; },
          nb::arg("name"), "What an adapter was made of.")
      .def(
          "status", [](const Adapters& a) { return boft::status_table(*a.model); },
          "Model and layers as a table.")
      .def(
          "count_parameters",
          [](const Adapters& a) {
            const boft::ModelStatus s = boft::model_status(*a.model);
            return std::pair(s.trainable_params, s.total_params);
          },
          "(trainable, all)");
  bind_life(a);
  bind_files(a);
}

}  // namespace papilio::python
