/* libluge for Python: the methods as tables, and an optimizer over addresses.  Everything that knows of arrays and
 * tensors stands above it, in Python.  Limited API of 3.11.  SPDX-License-Identifier: MIT */
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <luge/luge.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors: the message is that of the library ---- */

static PyObject *fail(const luge_error *err)
{
    PyObject *kind = PyExc_RuntimeError;
    switch (err->status) {
    case LUGE_E_ARG:
    case LUGE_E_SHAPE:
    case LUGE_E_INPUT:
    case LUGE_E_FORMAT: kind = PyExc_ValueError; break;
    case LUGE_E_NAME: kind = PyExc_LookupError; break;
    case LUGE_E_MEMORY: kind = PyExc_MemoryError; break;
    case LUGE_E_NUMERIC: kind = PyExc_FloatingPointError; break;
    case LUGE_E_IO: kind = PyExc_OSError; break;
    default: break;
    }
    PyErr_SetString(kind, err->text);
    return NULL;
}

/* ---- methods ---- */

static const luge_method *method_of(const char *name)
{
    const luge_method *m = luge_method_find(name);
    if (!m) PyErr_Format(PyExc_LookupError, "there is no method \"%.60s\"; luge.methods() lists them", name);
    return m;
}

static PyObject *methods(PyObject *self, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    (void)self, (void)unused;
    for (size_t i = 0; list && luge_method_at(i); i++) {
        PyObject *name = PyUnicode_FromString(luge_method_text(luge_method_at(i), LUGE_NAME));
        if (!name || PyList_Append(list, name)) Py_CLEAR(list);
        Py_XDECREF(name);
    }
    return list;
}

static PyObject *text(PyObject *self, PyObject *args)
{
    static const char *const words[] = { "name", "title", "reference", "formula", "base", "fixed", "kind" };
    const char *name, *what;
    const luge_method *m;
    (void)self;
    if (!PyArg_ParseTuple(args, "ss:text", &name, &what) || !(m = method_of(name))) return NULL;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(what, words[i])) return PyUnicode_FromString(luge_method_text(m, (luge_text)i));
    return PyErr_Format(PyExc_ValueError, "a method has no text \"%.40s\"", what);
}

static bool append_row(PyObject *list, const luge_row *r)
{
    PyObject *row = Py_BuildValue("(sssss)", r->name, r->kind, r->range, r->text, r->value);
    bool good = row && !PyList_Append(list, row);
    Py_XDECREF(row);
    return good;
}

/* (name, kind, range, text, value) of each row. */
static PyObject *rows(PyObject *self, PyObject *args)
{
    static const char *const words[] = { "parameters", "slots", "inputs", "evidence", "example" };
    const char *name, *table;
    const luge_method *m;
    luge_row row;
    size_t which = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "ss:rows", &name, &table) || !(m = method_of(name))) return NULL;
    while (which < sizeof words / sizeof *words && strcmp(table, words[which])) which++;
    if (which == sizeof words / sizeof *words) return PyErr_Format(PyExc_ValueError, "no table \"%.40s\"", table);
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && luge_method_row(m, (luge_table)which, i, &row); i++)
        if (!append_row(list, &row)) Py_CLEAR(list);
    return list;
}

/* ---- an optimizer ---- */

typedef struct object {
    PyObject_HEAD luge_optimizer *opt;
    PyObject *kept;    /* what the tensors' memory belongs to */
    const void **grad; /* room for a step: an address for each tensor, then for those of each input */
    size_t tensors, room;
    bool busy; /* a step without the interpreter's lock is going on */
} object;

static bool idle(const object *o)
{
    if (o->busy) PyErr_SetString(PyExc_RuntimeError, "another thread is in a call on this optimizer");
    return !o->busy;
}

static PyObject *object_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    static char *words[] = { "method", NULL };
    const char *method;
    luge_error err;
    if (!PyArg_ParseTupleAndKeywords(args, named, "s:Optimizer", words, &method)) return NULL;
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    object *o = (object *)alloc(type, 0);
    if (!o) return NULL;
    o->kept = PyList_New(0);
    if (!o->kept || luge_new(&o->opt, method, &err)) {
        if (o->kept) fail(&err);
        Py_DECREF(o);
        return NULL;
    }
    return (PyObject *)o;
}

static void object_dealloc(PyObject *self)
{
    object *o = (object *)self;
    PyTypeObject *type = Py_TYPE(self);
    luge_free(o->opt);
    free(o->grad);
    Py_CLEAR(o->kept);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *none_or(luge_status st, const luge_error *err) { return st ? fail(err) : Py_NewRef(Py_None); }

static PyObject *object_group(PyObject *self, PyObject *args)
{
    const char *method;
    luge_error err;
    int group;
    if (!idle((object *)self) || !PyArg_ParseTuple(args, "s:group", &method)) return NULL;
    return luge_group(((object *)self)->opt, method, &group, &err) ? fail(&err) : PyLong_FromLong(group);
}

static PyObject *object_set(PyObject *self, PyObject *args)
{
    const char *key, *value;
    luge_error err;
    int group;
    if (!idle((object *)self) || !PyArg_ParseTuple(args, "iss:set", &group, &key, &value)) return NULL;
    return none_or(luge_set(((object *)self)->opt, group, key, value, &err), &err);
}

static PyObject *object_get(PyObject *self, PyObject *args)
{
    const char *key;
    char value[1024];
    luge_error err;
    int group;
    if (!idle((object *)self) || !PyArg_ParseTuple(args, "is:get", &group, &key)) return NULL;
    if (luge_get(((object *)self)->opt, group, key, value, sizeof value, &err)) return fail(&err);
    return PyUnicode_FromString(value);
}

static PyObject *object_option(PyObject *self, PyObject *args)
{
    const char *key, *value;
    luge_error err;
    if (!idle((object *)self) || !PyArg_ParseTuple(args, "ss:option", &key, &value)) return NULL;
    return none_or(luge_option(((object *)self)->opt, key, value, &err), &err);
}

/* add(group, name, type, address, shape, owner): type 0, 1, 2 of luge_type */
static PyObject *object_add(PyObject *self, PyObject *args)
{
    object *o = (object *)self;
    const char *name;
    PyObject *address, *shape, *owner;
    size_t size[8] = { 0 };
    luge_error err;
    int group, type;
    if (!idle(o) || !PyArg_ParseTuple(args, "isiOOO:add", &group, &name, &type, &address, &shape, &owner))
        return NULL;
    Py_ssize_t n = PySequence_Size(shape);
    if (n < 0) return NULL;
    if (n > 8) return PyErr_Format(PyExc_ValueError, "%.60s has %zd dimensions; at most 8 are possible", name, n);
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *one = PySequence_GetItem(shape, i);
        size[i] = one ? PyLong_AsSize_t(one) : 0;
        Py_XDECREF(one);
        if (PyErr_Occurred()) return NULL;
    }
    void *at = PyLong_AsVoidPtr(address);
    if (PyErr_Occurred() || PyList_Append(o->kept, owner)) return NULL;
    if (luge_add(o->opt, group, name, (luge_type)type, at, (int)n, size, &err)) return fail(&err);
    o->tensors++;
    return Py_NewRef(Py_None);
}

static bool room(object *o, size_t addresses)
{
    if (addresses <= o->room) return true;
    const void **more = realloc(o->grad, addresses * sizeof *more);
    if (!more) return PyErr_NoMemory(), false;
    o->grad = more;
    o->room = addresses;
    return true;
}

/* An address for each tensor, None for none, from a list. */
static bool addresses(object *o, PyObject *list, const char *what, const void **to)
{
    if (!PyList_Check(list) || (size_t)PyList_Size(list) != o->tensors) {
        PyErr_Format(PyExc_ValueError, "%.60s: a list of %zu addresses, one for each tensor, is needed", what,
                     o->tensors);
        return false;
    }
    for (size_t i = 0; i < o->tensors; i++) {
        PyObject *one = PyList_GetItem(list, (Py_ssize_t)i);
        to[i] = one == Py_None ? NULL : PyLong_AsVoidPtr(one);
    }
    return !PyErr_Occurred();
}

enum { INPUTS = 16 };

/* step(grads, inputs or None, loss or None): lists of addresses, a dict of such lists */
static PyObject *object_step(PyObject *self, PyObject *args)
{
    object *o = (object *)self;
    PyObject *grads, *inputs = Py_None, *loss = Py_None, *key, *list;
    luge_input extra[INPUTS];
    double value;
    luge_inputs in = { .extra = extra };
    luge_error err;
    luge_status st;
    Py_ssize_t at = 0;

    if (!idle(o) || !PyArg_ParseTuple(args, "O|OO:step", &grads, &inputs, &loss)) return NULL;
    if (inputs != Py_None && (!PyDict_Check(inputs) || PyDict_Size(inputs) > INPUTS))
        return PyErr_Format(PyExc_TypeError, "inputs: a dict of at most %d lists is needed", INPUTS);
    size_t more = inputs == Py_None ? 0 : (size_t)PyDict_Size(inputs);
    if (!room(o, (1 + more) * o->tensors + 1) || !addresses(o, grads, "grads", o->grad)) return NULL;
    in.grad = o->grad;
    while (more && PyDict_Next(inputs, &at, &key, &list)) {
        const void **to = o->grad + (1 + in.extras) * o->tensors;
        const char *name = PyUnicode_AsUTF8AndSize(key, NULL);
        if (!name || !addresses(o, list, name, to)) return NULL;
        extra[in.extras++] = (luge_input){ name, to };
    }
    if (loss != Py_None) {
        value = PyFloat_AsDouble(loss);
        if (PyErr_Occurred()) return NULL;
        in.loss = &value;
    }
    o->busy = true;
    Py_BEGIN_ALLOW_THREADS st = luge_step(o->opt, &in, &err);
    Py_END_ALLOW_THREADS o->busy = false;
    return none_or(st, &err);
}

static PyObject *object_view(PyObject *self, PyObject *list)
{
    object *o = (object *)self;
    luge_error err;
    if (!idle(o) || !room(o, o->tensors + 1) || !addresses(o, list, "view", o->grad)) return NULL;
    return none_or(luge_view(o->opt, (void *const *)(uintptr_t)o->grad, &err), &err);
}

/* (address, numbers) of a slot, or None */
static PyObject *object_state(PyObject *self, PyObject *args)
{
    object *o = (object *)self;
    Py_ssize_t tensor;
    const char *slot;
    int i = 0;
    if (!idle(o) || !PyArg_ParseTuple(args, "ns|i:state", &tensor, &slot, &i)) return NULL;
    if (tensor < 0 || (size_t)tensor >= o->tensors)
        return PyErr_Format(PyExc_IndexError, "tensor %zd of %zu", tensor, o->tensors);
    void *at = luge_state(o->opt, (size_t)tensor, slot, i);
    if (!at) return Py_NewRef(Py_None);
    return Py_BuildValue("(Nn)", PyLong_FromVoidPtr(at),
                         (Py_ssize_t)luge_state_length(o->opt, (size_t)tensor, slot, i));
}

static PyObject *object_needs(PyObject *self, PyObject *args)
{
    const char *input;
    if (!idle((object *)self) || !PyArg_ParseTuple(args, "s:needs", &input)) return NULL;
    return PyBool_FromLong(luge_needs(((object *)self)->opt, input));
}

static PyObject *file(object *o, PyObject *args, luge_status (*call)(luge_optimizer *, const char *, luge_error *))
{
    PyObject *path;
    luge_error err;
    luge_status st;
    if (!idle(o) || !PyArg_ParseTuple(args, "O&", PyUnicode_FSConverter, &path)) return NULL;
    const char *name = PyBytes_AsString(path);
    o->busy = true;
    Py_BEGIN_ALLOW_THREADS st = call(o->opt, name, &err);
    Py_END_ALLOW_THREADS o->busy = false;
    Py_DECREF(path);
    return none_or(st, &err);
}

static PyObject *object_save(PyObject *self, PyObject *args) { return file((object *)self, args, luge_save); }
static PyObject *object_load(PyObject *self, PyObject *args) { return file((object *)self, args, luge_load); }

static PyObject *object_bytes(PyObject *self, PyObject *unused)
{
    size_t bytes;
    luge_error err;
    (void)unused;
    if (!idle((object *)self)) return NULL;
    return luge_state_bytes(((object *)self)->opt, &bytes, &err) ? fail(&err) : PyLong_FromSize_t(bytes);
}

static PyObject *object_steps(PyObject *self, void *skipped)
{
    const luge_optimizer *opt = ((object *)self)->opt;
    return PyLong_FromLongLong(skipped ? luge_skipped(opt) : luge_steps(opt));
}

static PyMethodDef object_methods[] = {
    { "group", object_group, METH_VARARGS, "group(method) -> int: one more group, of any method" },
    { "set", object_set, METH_VARARGS, "set(group, key, value): a setting as text" },
    { "get", object_get, METH_VARARGS, "get(group, key) -> str" },
    { "option", object_option, METH_VARARGS, "option(key, value): an option of the whole object as text" },
    { "add", object_add, METH_VARARGS, "add(group, name, type, address, shape, owner): owner is kept" },
    { "step", object_step, METH_VARARGS, "step(grads, inputs=None, loss=None): addresses, one for each tensor" },
    { "view", object_view, METH_O, "view(addresses): write the weights to evaluate with there" },
    { "state", object_state, METH_VARARGS, "state(tensor, slot, i=0) -> (address, numbers) or None" },
    { "needs", object_needs, METH_VARARGS, "needs(input) -> bool: the next step needs that input" },
    { "save", object_save, METH_VARARGS, "save(path)" },
    { "load", object_load, METH_VARARGS, "load(path)" },
    { "state_bytes", object_bytes, METH_NOARGS, "state_bytes() -> int" },
    { NULL, NULL, 0, NULL },
};
static PyGetSetDef object_values[] = {
    { "steps", object_steps, NULL, "steps taken", NULL },
    { "skipped", object_steps, NULL, "steps skipped: a gradient was not finite", (void *)1 },
    { NULL, NULL, NULL, NULL, NULL },
};
static PyType_Slot object_slots[] = {
    { Py_tp_new, (void *)(uintptr_t)object_new },
    { Py_tp_dealloc, (void *)(uintptr_t)object_dealloc },
    { Py_tp_methods, object_methods },
    { Py_tp_getset, object_values },
    { Py_tp_doc, "An optimizer over addresses; see luge.Optimizer." },
    { 0, NULL },
};
static PyType_Spec object_spec = { "luge._luge.Optimizer", (int)sizeof(object), 0, Py_TPFLAGS_DEFAULT, object_slots };

static PyMethodDef functions[] = {
    { "methods", methods, METH_NOARGS, "methods() -> list of names" },
    { "text", text, METH_VARARGS, "text(method, what) -> str" },
    { "rows", rows, METH_VARARGS, "rows(method, table) -> list of (name, kind, range, text, value)" },
    { NULL, NULL, 0, NULL },
};

static int fill(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&object_spec);
    int bad = !type || PyModule_AddObjectRef(module, "Optimizer", type) ||
              PyModule_AddStringConstant(module, "version", luge_version());
    Py_XDECREF(type);
    return bad ? -1 : 0;
}

static PyModuleDef_Slot module_slots[] = { { Py_mod_exec, (void *)(uintptr_t)fill }, { 0, NULL } };
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_luge", "libluge", 0, functions, module_slots, NULL, NULL, NULL
};

PyMODINIT_FUNC PyInit__luge(void) { return PyModuleDef_Init(&module); }
