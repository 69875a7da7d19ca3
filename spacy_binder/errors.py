"""Messages of errors (B…) and warnings (BW…). Where spaCy has a code for a mistake, such as E109, that one is used."""


class Errors:
    B001 = (
        "[B001] The label of a type has to be a non-empty string, but '{name}' was given {label!r}. "
        "Name every label in `add_label`, in `labels` or in the gold spans."
    )
    B002 = (
        "[B002] The description of label '{label}' is empty. BINDER encodes the description to find spans of "
        "the type: write a short one, or leave it out to get a default from the label's name."
    )
    B003 = (
        "[B003] Component '{name}' has nothing to learn: no training example has a gold span under doc.spans['{key}'] "
        "with a label that it knows ({labels}). {found} {advice}"
    )
    B004 = (
        "[B004] No score weight names the spans key '{key}' of component '{name}', so its score would count "
        "for nothing and every checkpoint would be called the best. Add to the config:\n"
        "[training.score_weights]\nspans_{key}_f = 1.0"
    )
    B005 = (
        "[B005] Can't load the encoder '{encoder}' as a Hugging Face model with safetensors weights. Looked at: "
        "{places}. Give a folder with config.json, tokenizer files and model.safetensors, or the name of a model "
        "on the Hugging Face hub. The cause: {cause}"
    )
    B006 = "[B006] Component '{name}' can't have the setting `{setting}` = {value}. {problem}."
    B007 = "[B007] `{setting}` has to be at least {least}, but is {value}."
    B008 = (
        "[B008] A window of {window} wordpieces with {special} special ones holds {capacity}; an overlap `stride` of "
        "{stride} is so long that the next window would not start later. Use a stride from 0 to {most}."
    )
    B009 = (
        "[B009] The window of {window} wordpieces is longer than the {most} that encoder '{encoder}' has "
        "positions for. Lower `window`."
    )
    B010 = (
        "[B010] Gold span {text!r} (tokens {start}:{end}) has the label '{label}', which component '{name}' doesn't "
        "know. It knows: {labels}. Add it to the labels given to `initialize`. That is not called for a component that "
        "is sourced from a trained pipeline. For such a one, give it to `spacy_binder.add_labels.v1` in "
        "[initialize.after_init], or call `nlp.get_pipe('{name}').add_label('{label}', 'a description')`."
    )
    B011 = (
        "[B011] The tokenizer of '{encoder}' puts no special token before the text. BINDER needs one, like [CLS]: "
        "its vector gives the thresholds. Use another encoder, or a tokenizer that puts one first."
    )
    B012 = (
        "[B012] `{setting}` takes the encoder of the text for the types, but '{text_encoder}' has no encoder of its "
        "own. Name one: set `type_encoder.name`, in a block of `spacy_binder.TypeEncoder.v1`."
    )
    B013 = "[B013] {path}, line {line}: {problem}. Expected {expected}."
    B014 = (
        "[B014] `{setting}` of component '{name}' has to be a list of labels, or a dict of labels and descriptions, "
        "but it is a value of the type {given}."
    )
    B015 = (
        "[B015] There is no transformer output for a document, which the component listens for. Put a `transformer` "
        "('{upstream}') before the component; if that one is frozen, name it in `annotating_components`. A component "
        "that is sourced without its transformer can take a copy of it along, if it is a spacy_binder.SharedBinder.v1: "
        'source it with `replace_listeners = ["model.tok2vec"]`.'
    )
    B016 = "[B016] Unknown {kind} '{name}'. There are: {known}."
    B017 = (
        "[B017] The text encoder runs in int8, which can't be trained. Train the pipeline that this one was optimized "
        'from, and optimize the result. Or set `inference_precision = "float32"` in the block of the text encoder.'
    )
    B018 = (
        "[B018] Component '{name}' has no text encoder of its own that could be optimized: its text encoder is "
        "'{text_encoder}', not 'spacy_binder.TextEncoder.v1'."
    )
    B019 = "[B019] The pipeline has {n} components made by 'binder_ner': {names}. Name one with `{option}`."
    B020 = (
        "[B020] OpenVINO runs a text encoder on the processor, but this one is on the device '{device}'. "
        'Set `inference_engine = "torch"` in the block of the text encoder.'
    )
    B021 = (
        '[B021] `inference_engine = "openvino"` needs the package openvino, and quantizing to int8 also needs nncf. '
        'Install both by `pip install "spacy-binder[openvino]"`. To do without, set `inference_engine = "torch"` and '
        '`inference_precision = "float32"` in the block of the text encoder; `spacy.load` takes them as `config`.'
    )
    B022 = (
        '[B022] OpenVINO can\'t compile an encoder of the class {encoder}. Set `inference_engine = "torch"` in the '
        "block of the text encoder. The cause: {cause}"
    )
    B023 = (
        "[B023] {where}: `{name}` is refused. It could decide which code runs or which file is read, and a file may "
        "not decide that. Remove it. Encoders that need code of their own can't be used."
    )
    B024 = (
        "[B024] Component '{name}' can't be calibrated: {n_right} of its {n} candidates that score above {floor} are "
        "gold spans. There have to be right and wrong ones. Give documents it wasn't trained on, more of them, or "
        "a lower `--floor`; documents without the span group '{key}' are left out."
    )
    B025 = (
        "[B025] The scores of component '{name}' do not tell right spans from wrong ones: the fitted slope is "
        "{scale:.3f}. Train the component further before you calibrate it."
    )
    B026 = (
        "[B026] Component '{name}' can't be measured on {path}: no document has a gold span under doc.spans['{key}'] "
        "with a label that it knows ({labels}). {found} {advice}"
    )
    B027 = (
        "[B027] The saved pipeline can't be loaded, because of {what}: missing, damaged, or not of the same pipeline "
        "as the other files. Copy the whole folder again. The cause: {cause}"
    )
    B028 = (
        "[B028] {path}, {place}: {text!r} {problem}, and `strict` is set. Without it such annotations are left out or "
        "repaired, counted, and reported at the end."
    )
    B029 = "[B029] {path} contains no file that ends in {suffixes}."
    B030 = "[B030] There is no file or folder {path}."
    B031 = (
        "[B031] There is no {missing} beside {path}. A brat document is a .txt file and a .ann file of the same name. "
        "The .ann file may be empty."
    )
    B032 = (
        "[B032] The label {label!r} of the span {text!r} can't be written in brat's format, where a label is one word. "
        "Rename it first."
    )
    B033 = "[B033] {path} has no file {missing} of the same name beside it. Each ACE document is a pair of files."
    B034 = "[B034] {n} of the documents that {documents} lists are not under {path}, the first being: {first}."
    B035 = "[B035] The document {name} is in {first} and in {second}. Name one of the folders, or remove one."
    B036 = (
        "[B036] The format 'huggingface' needs the package `datasets`, which isn't installed. Install it by "
        '`pip install "spacy-binder[datasets]"`.'
    )
    B037 = (
        "[B037] {path} was not written by `save_to_disk` of Hugging Face `datasets`: it has neither state.json nor "
        "dataset_dict.json."
    )
    B038 = "[B038] The dataset {path} has the columns {columns}. Expected {wanted}; options name other columns."
    B039 = (
        "[B039] {path} contains several datasets: {splits}. Name one by the option `split`, which is {split!r}, or "
        "give its own folder."
    )
    B040 = (
        "[B040] `attention_dropout` can't be set for the encoder '{encoder}': its config has no {known}. Leave it "
        "null, or set what it has in `transformer_config`."
    )
    B041 = (
        "[B041] The weights of an encoder are saved as '{storage}', which this version of spacy-binder can't read. It "
        "reads {known}. Pipelines in int8 by earlier versions have to be made again: run `spacy binder optimize` on "
        "the pipeline that this one was optimized from."
    )
    B042 = (
        "[B042] The engine '{engine}' can't run a text encoder in {precision}. It can in {known}. `spacy binder "
        "optimize` makes pipelines in int8, for openvino. Those that earlier versions made for torch have to be made "
        "again, from the pipeline that they were optimized from."
    )
    B043 = (
        "[B043] The text encoder is set to run in int8, but the pipeline has no int8 copy of it. Make one by "
        '`spacy binder optimize`, or set `inference_precision = "float32"` in the block of the text encoder.'
    )
    B044 = "[B044] {path} can't be read: {cause}."
    B045 = (
        "[B045] {path}: {n} document(s) have a text, but none has annotations under a key that is known. Their keys "
        "are: {keys}. Expected {expected}. {advice}"
    )
    B046 = "[B046] The encoder '{encoder}' can't be used: {problem}. {advice}"
    B047 = "[B047] There is no document {place}. {left_out}"
    B048 = (
        "[B048] None of the {n} document(s) has a span under doc.spans['{key}'], so nothing can be trained on them or "
        "measured. {found} {advice}"
    )
    B049 = "[B049] The option `{option}` of {name} has to be {expected}, but is {value!r}."
    B050 = (
        "[B050] {path} is no DocBin, or it is damaged. `spacy binder convert` writes DocBins: files that end in "
        ".spacy. The cause: {cause}"
    )
    B051 = "[B051] {path} can't be written: {problem}. Name another path."
    B052 = (
        "[B052] {source} is damaged: its checksum is not the one that was saved. Copy the pipeline again, or load "
        "another copy of it."
    )
    B053 = (
        "[B053] {existing} would be overwritten. Give another `--output`, or set `--force`: it overwrites {output}, "
        "keeps the descriptions in {labels} and adds new labels to them."
    )
    B054 = (
        "[B054] {path}: document {number} has {length:,} characters. `spacy train` reads documents of up to {limit:,}. "
        "Divide it into several documents."
    )
    B055 = (
        "[B055] The gradients of component '{name}' were not finite in {n} training steps in a row, so nothing is "
        "learned any more. Lower the learning rate, set `mixed_precision = false`, or look whether the weights of the "
        "encoder are finite."
    )
    B056 = (
        "[B056] The description of label '{label}' is {given}. Give a text, or a list of texts, that says what spans "
        "of the type are."
    )
    B057 = (
        "[B057] The examples of label '{label}' of component '{name}' can't be used: {problem}. Give a list of spans: "
        'spaCy\'s Span, or {{"text": …, "start": …, "end": …}}, where start and end count characters.'
    )
    B058 = (
        "[B058] A type has examples, but the text encoder is a transformer that the pipeline shares. Leave out the "
        "examples, or give the component an encoder of its own."
    )
    B059 = (
        "[B059] The example {text!r} fits into no window of the text encoder. Give a shorter example, or a larger "
        "`window` or `stride`."
    )
    B060 = (
        "[B060] The labels for this call of component '{name}' are empty. Give a list of its labels, or a dict of "
        "labels and descriptions. Without `labels`, all its labels are taken."
    )
    B061 = (
        "[B061] Component '{name}' has no label '{label}'. Give a dict with its description, such as "
        '{{"{label}": "a text that says what its spans are"}}, or one of its labels: {known}.'
    )

    B062 = (
        "[B062] `tok2vec` of `spacy_binder.SharedBinder.v1` can't be the model '{source}'. Use a block of "
        "`spacy_binder.SharedTransformer.v1`, which listens to a `transformer` component of spacy-transformers."
    )
    B063 = (
        "[B063] No `transformer` ('{upstream}') comes before the component that listens to it. Put a `transformer` of "
        "spacy-transformers before it in the pipeline, and name it in `upstream`, or set `upstream` to '*'."
    )
    B064 = (
        "[B064] `text_encoder` of `spacy_binder.Binder.v1` can't be the model '{text_encoder}', which gives other data "
        "than windows of wordpiece vectors. For a shared transformer use `spacy_binder.SharedBinder.v1`."
    )
    B065 = (
        "[B065] The pipeline is compact: it has no type encoder, and no vector of the description {text!r}. Use the "
        "descriptions of its labels, or the pipeline that it was made of."
    )
    B066 = (
        "[B066] The pipeline is compact: it has no type encoder, so it can't be trained. Train the pipeline that it "
        "was made of, and make the result compact."
    )
    B067 = (
        "[B067] Component '{name}' has no type encoder of its own. It shares that of the text, or is compact already, "
        "so that nothing can be dropped."
    )
    B068 = (
        "[B068] Gold span {text!r} (tokens {start}:{end}) has the label '{label}', but `doc.spans['{key}'].attrs"
        "['labels']` says that only these types were annotated in its document: {labels}. Add the label there, or "
        "where it comes from (`annotated`, `--annotated`), or remove the span."
    )
    B069 = (
        "[B069] `doc.spans['{key}'].attrs['labels']` says which types were annotated in a document. It has to be a "
        "list of labels, or a dict of labels and descriptions, but is {given}."
    )
    B070 = (
        "[B070] The gold span {text!r} has the label '{label}', which the old pipeline finds too, and its document "
        "doesn't say which types were annotated in it. Say it by `doc.spans['{key}'].attrs['labels']` or by "
        "`spacy_binder.Annotated.v1`. Or leave the label out of `labels` of `spacy_binder.Distilled.v1`."
    )
    B071 = (
        '[B071] `initial_projections = "aligned"` needs encoders of one width, but that of the text has {text_width} '
        'and that of the types {type_width}. Take encoders of one family, or set it to "random".'
    )
    B072 = (
        "[B072] The corpus '{name}' would teach nothing: no type was annotated in its {n} document(s). They have no "
        "span under doc.spans['{key}'] with a label that is not left out, and don't say which types were annotated in "
        "them. Say it by `spacy_binder.Annotated.v1` or in `labels`, or leave out the corpus."
    )
    B073 = (
        "[B073] Component '{name}' can't be trained on several processes: only a `binder_ner` with a text encoder of "
        "its own can, beside components that don't learn. Add '{name}' to `frozen_components` in [training], or train "
        "in one process: python -m spacy train"
    )
    B074 = (
        "[B074] The processes that train component '{name}' have different batches. All of them have to read the same "
        "files in the same order. Look whether the corpus is the same on all machines, and whether code of your own "
        "draws random numbers in one process alone."
    )
    B075 = (
        "[B075] `seed` in [training] is null, so that the processes would shuffle the corpus in different ways. Give "
        "it a number."
    )
    B076 = (
        "[B076] The body has more than {most:,} bytes. Send fewer or shorter texts per request, or start the server "
        "with a larger `--max-body`."
    )
    B077 = (
        "[B077] `{where}` has too much: {problem}. Send less of it per request, or start the server with larger limits."
    )
    B078 = "[B078] `{where}` can't be used: {problem}. /openapi.json describes what a request may have."
    B079 = (
        "[B079] {n:,} requests wait or are under way, which is the most that this server takes. Send the request again "
        "in {seconds} second(s)."
    )
    B080 = (
        "[B080] The request was not answered within {seconds:g} seconds. Send fewer texts per request, send it again "
        "later, or start the server with a larger `--timeout`."
    )
    B081 = (
        "[B081] The server takes no requests any more: it is being stopped, or its pipeline has ended. Start it again."
    )
    B082 = (
        "[B082] The pipeline failed on a text of this request. Other requests are not affected. The server's log has "
        "the cause. Send the texts one by one to find out which one it is."
    )
    B083 = (
        "[B083] The body has the type {given!r}. Send JSON in UTF-8, with the header `Content-Type: application/json`."
    )
    B084 = (
        "[B084] More than {most:,} {what} were found, which is the most per answer. Set a higher threshold, or send "
        "fewer or shorter texts, or fewer labels."
    )
    B085 = "[B085] The body did not arrive within {seconds:g} seconds. Send the request again."
    B086 = "[B086] The server can't listen at {host}, port {port}: {cause}. Give another `--host` or `--port`."
    B087 = (
        "[B087] {what} needs the package {package}, which isn't installed. Install it by "
        '`pip install "spacy-binder[{extra}]"`.'
    )
    B088 = (
        "[B088] {path} has other columns than {first}. It has: {columns}. The other one has: {others}. Annotate files "
        "with different columns one after the other, each to a folder of its own."
    )
    B089 = (
        "[B089] The format of {path} can't be told by the names of its files. Found: {found}. Name one by `--format`: "
        "{known}. Files of other formats in the folder are then left out."
    )
    B090 = (
        "[B090] The row {place} has something under '{field}' already, and it would be overwritten. Name another "
        "field for the spans by `--spans-field`."
    )
    B091 = (
        "[B091] None of the {n} row(s) of {place} has a text under '{field}'. The first rows have: {known}. Name the "
        "field with the text by `--text-field`."
    )
    B092 = (
        "[B092] {n} row(s) have the same id under '{field}' as an earlier one: {first}. Ids say which rows are done. "
        "Make them different, or name another field by `--id-field`. Rows without that field are named by their file "
        "and number."
    )
    B093 = (
        "[B093] The folder {output} is not empty, and was not written by this command. Name another one, or one that "
        "doesn't exist."
    )
    B094 = (
        "[B094] {output} has rows that were annotated in another way: {changed}. To go on with them, give the same "
        "model, rows and options. To annotate anew, name another folder, or remove this one."
    )
    B095 = (
        "[B095] A worker process was killed. The usual cause is want of memory: give fewer `--workers`, or a smaller "
        "`--batch-size`. Then run the command again. It goes on where it was stopped."
    )
    B096 = (
        "[B096] The rows don't add up: {rows_in} were read, {out} were written and {failed} failed. Somebody else may "
        "have changed the files of {folder}, or of the rows. Remove that folder and run the command again."
    )
    B097 = (
        "[B097] A shard can't be written: {cause}. These shards are whole, and nothing is left of others: {whole}. "
        "Mend the cause and run the command again. It goes on where it was stopped."
    )
    B098 = (
        "[B098] Ray stopped: {cause}. These shards are whole: {whole}. Mend the cause and run the command again. It "
        "goes on with the rows that are missing."
    )
    B099 = (
        "[B099] There is no Ray cluster at {address}: {cause}. Give the address that `ray start` shows. To start a "
        "cluster on this computer, leave out `--address` and RAY_ADDRESS."
    )


class Warnings:
    BW01 = (
        "[BW01] Component '{name}' can't learn {n} of {total} gold spans: {reasons}. "
        "This is said once; `{name}.gold_counts` counts all of them."
    )
    BW02 = (
        "[BW02] No score weight names the spans key '{key}' of component '{name}'. `spacy train` would then call every "
        "checkpoint the best: give spans_{key}_f a weight in [training.score_weights]."
    )
    BW03 = (
        "[BW03] {n} token(s) have more wordpieces than the {capacity} that fit into a window, such as {text!r}. "
        "They are cut off after {capacity} wordpieces."
    )
    BW04 = (
        "[BW04] {n} spans above or near the threshold of {threshold} were dropped: component '{name}' keeps the "
        "best {cap} per word and type. The threshold is too low to be useful, or the component has learned nothing yet."
    )
    BW05 = (
        "[BW05] {n} predicted span(s) match no tokens of the reference and are counted as false positives: the "
        "pipeline's tokens and the reference's differ."
    )
    BW06 = (
        "[BW06] {n} gold span(s) cross the border of a passage and were left out. `{setting}` is {size}: raise "
        "it{other}."
    )
    BW07 = (
        "[BW07] Component '{name}' was calibrated, and is now trained further: its scores and thresholds no longer "
        "fit. Calibrate it again after training, or set `cfg['calibration'] = None` to do without."
    )
    BW08 = (
        "[BW08] `thresholds` of component '{name}' has labels that the component doesn't know: {unknown}. "
        "It knows: {labels}."
    )
    BW09 = (
        "[BW09] {n} annotation(s) under {path} do not fit: {counts}. Examples: {first}. Set `strict` to stop at the "
        "first one."
    )
    BW10 = (
        "[BW10] There is nothing to measure, and the scores stay at 0: no document has a gold span under "
        "doc.spans['{key}'] with a known label. {found} {advice}"
    )
    BW11 = (
        "[BW11] {path}: {n:,} candidates with a score above {floor} are not in the figures of candidates and of "
        "calibration, because the component keeps the best {cap} per word and type. Predictions are not affected."
    )
    BW12 = (
        "[BW12] Component '{name}' can't find spans in some texts, because some of its values are not finite. "
        "Its weights are damaged, or `inference_precision` does not suit its encoder."
    )
    BW13 = (
        "[BW13] The first {n} training examples have no gold span that component '{name}' could learn from under "
        "doc.spans['{key}']. The last batch: {found} A corpus reader that splits docs (`max_length`, `gold_preproc`), "
        "or an augmenter, may have dropped the spans."
    )
    BW14 = (
        "[BW14] {folder} was saved by an earlier version of spacy-binder, without checksums: damaged files can't be "
        "told. Save the pipeline anew by `nlp.to_disk`."
    )
    BW15 = (
        "[BW15] Training step {step} of component '{name}' was skipped, because its gradients were not finite. This is "
        "said once; `{name}.n_skipped_steps` counts all of them."
    )
    BW16 = (
        "[BW16] Descriptions of component '{name}' are unlike all that it was trained on: {labels}. Below a similarity "
        "of {least} they find few spans, if any. Use words of a trained description, give the label a low threshold "
        "of its own, or train with gold spans of the type."
    )
    BW17 = (
        "[BW17] The transformer cut off {n} token(s) of {n_docs} document(s), such as {text!r}: its windows have more "
        "wordpieces than it takes. No span is found or learned there. Set smaller `window` and `stride` in "
        "[components.transformer.model.get_spans]. This is said once."
    )
    BW18 = (
        "[BW18] A `binder_ner` that listens to '{upstream}' is frozen, but the transformer is not: its vectors change, "
        "and the component finds less. If it is the last one that listens, the transformer doesn't learn at all. "
        "Freeze the transformer too, or source the component with `replace_listeners`. This is said once."
    )
    BW19 = (
        "[BW19] Component '{name}' will learn nothing of these labels, because no training example was annotated with "
        "them: {labels}. Look at `doc.spans['{key}'].attrs['labels']`, or leave out these labels."
    )
    BW20 = (
        "[BW20] `labels` of the corpus '{name}' names labels that don't occur in it: {labels}. Their types count as "
        "annotated where a document doesn't say it. Look whether they are misspelt. There are: {known}."
    )
    BW21 = (
        "[BW21] The server listens at {host}, so that other computers can send requests. It has no login and no "
        "encryption. Put a proxy in front of it that has them, or leave out `--host`."
    )
